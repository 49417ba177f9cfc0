"""The options of convert and build by version and model family, from the table and from `--help`."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.tensorrt_llm.options import parse_help, to_argv
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm.arguments import (
    Programs,
    build_options,
    convert_options,
    option_problems,
    part_options,
)
from runner.engines.trtllm.profile import TrtllmProfile
from runner.profile.yaml_file import decode

RELEASES = ["0.12.0", "0.13.0", "0.14.0", "0.15.0", "0.16.0"]
FAMILIES = ["qwen", "llama", "falcon", "gptj"]
BFLOAT16 = ModelConfig(heads=8, kv_heads=8, layers=2, head_dim=64, dtype="bfloat16")


def profile(family: str = "qwen", dtype: str = "float16", **sections: Any) -> TrtllmProfile:
    data = {
        "name": "one", "engine": "trtllm", "stages": ["convert", "build"],
        "model": {"family": family, "dir": "/model", "dtype": dtype}, **sections,
    }  # fmt: skip
    decoded = decode(data, "one.yaml")
    assert isinstance(decoded, TrtllmProfile)
    return decoded


def problems(wanted: TrtllmProfile, version: str, model: ModelConfig | None = BFLOAT16) -> list[str]:
    return list(option_problems(wanted, Programs(Version.parse(version), wanted.model.family), model))


def parser(program: str, version: Version) -> argparse.ArgumentParser:
    """A parser with the options that the table states; abbreviations would be other options."""
    made = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    for option in options_by_version.option_names(program):
        found = options_by_version.properties_of(program, option, version)
        if found is None:
            continue
        if found.flag:
            made.add_argument(f"--{option}", action="store_true")
        else:
            made.add_argument(f"--{option}", choices=found.choices or None)
    return made


CONVERT: dict[str, Any] = {
    "use_weight_only": True, "weight_only_precision": "int4_awq", "disable_weight_only_quant_plugin": True,
    "smoothquant": 0.5, "per_channel": True, "per_token": True, "int8_kv_cache": True, "fp8_kv_cache": True,
    "use_fp8": True, "use_fp8_rowwise": True, "per_group": True, "group_size": 64, "calib_dataset": "x",
    "use_parallel_embedding": True, "embedding_sharding_dim": 1, "load_by_shard": True,
    "load_model_on_cpu": True, "moe_tp_size": 1, "moe_ep_size": 1, "workers": 2,
}  # fmt: skip
BUILD: dict[str, Any] = {
    "gemm_plugin": "nvfp4", "kv_cache_type": "paged", "monitor_memory": True, "lookup_plugin": "auto",
    "low_latency_gemm_plugin": "fp8", "enable_xqa": "enable", "pp_reduce_scatter": "enable",
    "use_fused_mlp": "enable", "reduce_fusion": "enable", "fast_build": True, "max_seq_len": 9,
}  # fmt: skip


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_each_convert_option_is_refused_or_parsed(family: str, version: str) -> None:
    needs: dict[str, dict[str, Any]] = {
        "weight_only_precision": {"use_weight_only": True},
        "per_channel": {"smoothquant": 0.5},
        "per_token": {"smoothquant": 0.5},
    }
    number = Version.parse(version)
    for name, value in CONVERT.items():
        wanted = profile(family, convert={name: value, **needs.get(name, {})})
        argv = to_argv(convert_options(wanted, Programs(number, family), BFLOAT16))
        try:
            _, unknown = parser(f"convert {family}", number).parse_known_args(argv)
        except argparse.ArgumentError:
            unknown = argv
        assert bool(problems(wanted, version)) == bool(unknown), (name, unknown)


@pytest.mark.parametrize("version", RELEASES)
def test_each_build_option_is_refused_or_parsed(version: str) -> None:
    number = Version.parse(version)
    for name, value in BUILD.items():
        wanted = profile(build={name: value})
        argv = to_argv(build_options(wanted, Programs(number, "qwen")))
        try:
            _, unknown = parser("build", number).parse_known_args(argv)
        except argparse.ArgumentError:
            unknown = argv
        assert bool(problems(wanted, version)) == bool(unknown), (name, unknown)


@pytest.mark.parametrize(
    ("family", "sections", "version", "said"),
    [
        ("qwen", {"convert": {"use_fp8": True}}, "0.16.0",
         "convert.use_fp8: qwen convert_checkpoint.py of TensorRT-LLM 0.16.0 does not have it, llama has it"),
        ("falcon", {"convert": {"smoothquant": 0.5}}, "0.16.0", "qwen and llama have it"),
        ("llama", {"convert": {"use_fp8": True}}, "0.12.0", "0.13.0 is the first version known to have it"),
        ("qwen", {"convert": {"use_weight_only": True, "weight_only_precision": "int4_awq"}}, "0.16.0",
         "convert.weight_only_precision: int4_awq is not allowed in TensorRT-LLM 0.16.0; allowed: int8"),
        ("qwen", {"build": {"monitor_memory": True}}, "0.14.0", "0.15.0 is the first version"),
        ("qwen", {"build": {"enable_xqa": "enable"}}, "0.16.0", "0.15.0 is the last version"),
        ("qwen", {"build": {"gemm_plugin": "nvfp4"}}, "0.16.0", "nvfp4 is not allowed"),
    ],
)  # fmt: skip
def test_a_refusal_says_who_has_the_option(
    family: str, sections: dict[str, Any], version: str, said: str
) -> None:
    (problem,) = problems(profile(family, **sections), version)
    assert said in problem


def test_the_default_batch_size_of_old_versions_is_small() -> None:
    sections: dict[str, Any] = {"stages": ["convert", "build", "benchmark"]}
    wanted = profile(**sections, benchmark={"batch_size": [512], "input_output_len": [[8, 8]]})
    (problem,) = problems(wanted, "0.13.0")
    assert "TensorRT-LLM 0.13.0 uses 256, but benchmark needs batch size 512" in problem
    assert problems(wanted, "0.14.0") == []


def test_a_switch_without_value_is_given_or_left_out() -> None:
    for value, expected in (("enable", ["--use_fused_mlp"]), ("disable", [])):
        wanted = profile(build={"use_fused_mlp": value})
        assert to_argv(build_options(wanted, Programs(Version.parse("0.12.0")))) == expected
        newer = build_options(wanted, Programs(Version.parse("0.13.0")))
        assert to_argv(newer) == ["--use_fused_mlp", value]


@pytest.mark.parametrize("family", [*FAMILIES, "mamba"])
def test_dtype_auto_becomes_the_dtype_of_the_model(family: str) -> None:
    wanted = profile(family, "auto")
    for version, expected in (("0.14.0", "bfloat16"), ("0.15.0", "auto")):
        options = dict(convert_options(wanted, Programs(Version.parse(version), family), BFLOAT16))
        assert options["dtype"] == expected
    assert problems(wanted, "0.14.0") == []
    (problem,) = problems(wanted, "0.14.0", None)
    assert "does not take auto" in problem


@pytest.mark.parametrize(
    ("family", "architecture", "expected"),
    [
        ("t5", "", "--model_type t5 --tp_size 1 --dtype float16"),
        ("bart", "", "--model_type bart --tp_size 1 --dtype float16"),
        ("gemma", "", "--ckpt-type hf --world-size 1 --dtype float16"),
        ("recurrentgemma", "", "--ckpt_type hf --world_size 1 --dtype float16"),
        ("whisper", "", "--dtype float16"),
        ("bert", "BertForQuestionAnswering", "--model BertForQuestionAnswering --tp_size 1 --dtype float16"),
        ("bert", "RobertaForMaskedLM", "--model RobertaModel --tp_size 1 --dtype float16"),
        ("llama", "LlamaForCausalLM", "--tp_size 1 --dtype float16"),
    ],
)
def test_scripts_that_are_called_in_another_way(family: str, architecture: str, expected: str) -> None:
    model = ModelConfig(heads=8, kv_heads=8, layers=2, head_dim=64, architecture=architecture)
    options = convert_options(profile(family), Programs(Version.parse("0.16.0"), family), model)
    assert " ".join(to_argv(options)) == expected


@pytest.mark.parametrize(
    ("family", "parallel", "said"),
    [
        ("whisper", {"tp": 2}, "parallel.tp: convert_checkpoint.py of whisper makes checkpoints for one GPU"),
        ("gemma", {"pp": 2}, "parallel.pp: convert_checkpoint.py of gemma does not split"),
    ],
)
def test_scripts_that_know_one_way_of_spreading(family: str, parallel: dict[str, int], said: str) -> None:
    (problem,) = problems(profile(family, parallel=parallel), "0.16.0")
    assert said in problem


def test_encoder_and_decoder_are_built_with_their_own_limits() -> None:
    build = {"max_batch_size": 8, "max_encoder_input_len": 512, "max_seq_len": 200, "max_beam_width": 2}
    programs = Programs(Version.parse("0.16.0"), "t5")
    encoder, decoder = (
        " ".join(to_argv(part_options(profile("t5", build=build), programs, part)))
        for part in ("encoder", "decoder")
    )
    shared = "--moe_plugin disable --max_batch_size 8"
    assert encoder == f"{shared} --max_beam_width 2 --max_input_len 512 --kv_cache_type disabled"
    assert decoder == (
        f"{shared} --max_seq_len 200 --max_beam_width 2 --max_input_len 1 --max_encoder_input_len 512"
    )
    old = part_options(profile("t5", build=build), Programs(Version.parse("0.12.0"), "t5"), "encoder")
    assert old[-1] == ("paged_kv_cache", "disable")


def test_the_installed_program_decides() -> None:
    text = "  --dtype {float16,bfloat16}\n  --use_fp8\n  --weight_only_precision {int8,int4}\n"
    programs = Programs(Version.parse("0.16.0"), "qwen", {"convert": parse_help(text)})
    wanted = profile("qwen", "auto", convert={"use_fp8": True, "int8_kv_cache": True})
    assert list(option_problems(wanted, programs, BFLOAT16)) == [
        "convert.int8_kv_cache: qwen convert_checkpoint.py of TensorRT-LLM 0.16.0 does not have it"
    ]
    assert dict(convert_options(wanted, programs, BFLOAT16))["dtype"] == "bfloat16"
