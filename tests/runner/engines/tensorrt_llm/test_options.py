"""The table of build options, arguments made from it, and their check against `--help`."""

from __future__ import annotations

import pytest

from runner.engines.tensorrt_llm.build_options import Build, Convert
from runner.engines.tensorrt_llm.options import (
    BUILD,
    CONVERT,
    find_missing_options,
    options_of,
    parse_help,
    to_argv,
)
from runner.engines.tensorrt_llm.versions import Version

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


def test_an_option_of_the_table() -> None:
    option = BUILD["gemm_plugin"]
    assert set(option.choices) == {"auto", "float16", "float32", "bfloat16", "int32", "fp8", "disable"}
    assert option.default == "disable"
    assert option.help == "matrix products by cuBLAS, in this type (null: TensorRT-LLM's default, disable)"


def test_every_option_has_help_and_default() -> None:
    for option in [*BUILD.values(), *CONVERT.values()]:
        assert option.help, option.name
        assert option.default or option.name == "smoothquant", option.name


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


@pytest.mark.parametrize(
    ("build", "version", "sentence"),
    [
        (
            Build(enable_xqa="enable"),
            "0.16.0",
            "build.enable_xqa: TensorRT-LLM 0.16.0 does not have it; it was removed after 0.15",
        ),
        (
            Build(pp_reduce_scatter="enable"),
            "0.14.0",
            "build.pp_reduce_scatter: TensorRT-LLM 0.14.0 does not have it; it came with 0.15",
        ),
    ],
)
def test_versions(build: Build, version: str, sentence: str) -> None:
    assert find_missing_options(build, Version.parse(version)) == [sentence]
    assert find_missing_options(build, Version.parse("0.15.0")) == []


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
