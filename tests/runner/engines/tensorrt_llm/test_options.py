"""The fields of build and convert, arguments made from them, and their check against `--help`."""

from __future__ import annotations

import pytest
from msgspec import inspect

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.build_options import Build, Convert
from runner.engines.tensorrt_llm.options import options_of, parse_help, to_argv
from runner.engines.tensorrt_llm.versions import Version
from runner.schema.validation import union_members

HELP = """\
usage: trtllm-build [-h] [--checkpoint_dir CHECKPOINT_DIR]
                    [--max_batch_size MAX_BATCH_SIZE] [--fast_build]
                    [--gemm_plugin {auto,float16,float32,bfloat16,int32,fp8,disable}]

options:
  -h, --help            show this help message and exit
  --checkpoint_dir CHECKPOINT_DIR
                        The directory path that contains TensorRT-LLM checkpoint.
  --output_dir OUTPUT_DIR
                        The directory path to save the serialized engine files.
                        See also --nonsense of another tool.
  --max_batch_size MAX_BATCH_SIZE
                        Maximum number of requests that the engine can schedule.
  --max_seq_len MAX_SEQ_LEN, --max_decoder_seq_len MAX_SEQ_LEN
                        Maximum total length of one request.
  --fast_build          Enable features for faster engine building.
  --gemm_plugin {auto,float16,float32,bfloat16,int32,fp8,disable}
                        The GEMM plugin.
  --context_fmha {enable,disable}
                        Enable the fused multi-head attention.
"""


FAMILIES = ("qwen", "llama", "falcon", "gptj")
PROGRAMS: dict[type[Build] | type[Convert], list[str]] = {
    Build: ["build"],
    Convert: [f"convert {family}" for family in FAMILIES],
}
NEWEST = ("0.12.0", "0.13.0", "0.14.0", "0.15.0", "0.16.0", "1.0.0", "1.3.0rc3")
FIELDS = [
    (section, name) for section in PROGRAMS for name in section.__struct_fields__ if name != "extra_args"
]


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_a_field_is_an_option_with_the_choices_of_some_version(
    section: type[Build] | type[Convert], name: str
) -> None:
    stated = [
        found
        for program in PROGRAMS[section]
        for version in NEWEST
        if (found := options_by_version.properties_of(program, name, Version.parse(version)))
    ]
    assert stated, "no version has it"
    info = inspect.type_info(section)
    assert isinstance(info, inspect.StructType)
    (field,) = [one for one in info.fields if one.name == name]
    kind = field.type
    while isinstance(kind, inspect.Metadata):
        assert "description" in (kind.extra_json_schema or {})
        kind = kind.type
    offered = {
        str(value)
        for one in union_members(kind)
        if isinstance(one, inspect.LiteralType)
        for value in one.values
    }
    allowed = {choice for found in stated for choice in found.choices}
    # Of kv_cache_type the parsers state a function, not its values.
    assert not allowed or offered <= allowed


def test_words_are_in_the_order_of_the_workflow() -> None:
    build = Build(
        max_input_len=1024, max_num_tokens=16384, max_batch_size=16, gemm_plugin="auto", fast_build=True
    )
    assert to_argv(options_of(build)) == [
        *("--gemm_plugin", "auto"),
        *("--max_batch_size", "16"),
        *("--max_num_tokens", "16384"),
        *("--max_input_len", "1024"),
        "--fast_build",
    ]


def test_nothing_given_no_words() -> None:
    assert options_of(Build()) == []
    assert options_of(Convert()) == []


def test_numbers_that_are_nothing_are_given() -> None:
    assert to_argv(options_of(Convert(embedding_sharding_dim=0))) == ["--embedding_sharding_dim", "0"]


def test_help_lists_options_and_choices() -> None:
    options = parse_help(HELP).options
    assert options["--max_decoder_seq_len"] == ()
    assert options["--context_fmha"] == ("enable", "disable")
    assert "--nonsense" not in options


def test_help_knows_good_words() -> None:
    words = "--checkpoint_dir /c --output_dir /e --gemm_plugin auto --max_batch_size 16 --fast_build"
    assert parse_help(HELP).problems(words.split()) == []


def test_help_knows_abbreviations_as_argparse_does() -> None:
    assert parse_help(HELP).problems(["--max_batch", "4"]) == []
    assert parse_help(HELP).problems(["--max", "4"]) == ["--max is not one of its options"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--max_batchsize 4", "--max_batchsize is not one of its options (did you mean --max_batch_size?)"),
        ("--use_xqa enable", "--use_xqa is not one of its options"),
        ("--tp 8", "--tp is not one of its options"),
        (
            "--context_fmha on",
            "--context_fmha on is not allowed; allowed: enable, disable",
        ),
        ("--context_fmha=on", "--context_fmha on is not allowed; allowed: enable, disable"),
    ],
)
def test_help_is_the_judge(words: str, sentence: str) -> None:
    assert parse_help(HELP).problems(words.split()) == [sentence]
