"""What the stages of a trtllm profile asked for against what the engine says it applied."""

from __future__ import annotations

import json

import msgspec
import pytest

from runner.engines.output import FinishedStage
from runner.engines.tensorrt_llm.options_by_version import every_form
from runner.engines.trtllm.applied import (
    collect_results,
    engine_differences,
    engine_files,
    smoke_differences,
)
from runner.plan.plan import Stage
from runner.plan.skip import SkipKind, SkipReason

ENGINE = {
    "version": "0.16.0",
    "pretrained_config": {
        "dtype": "float16", "quantization": {"quant_algo": "W8A16", "kv_cache_quant_algo": None},
    },
    "build_config": {
        "max_batch_size": 16, "max_input_len": 1024, "max_seq_len": 2048, "max_num_tokens": 8192,
        "kv_cache_type": "PAGED", "speculative_decoding_mode": 4,
        "plugin_config": {
            "gemm_plugin": "float16", "gpt_attention_plugin": "float16", "multiple_profiles": False,
            "context_fmha": True, "nccl_plugin": None, "moe_plugin": "disable", "tokens_per_block": 64,
        },
    },
}  # fmt: skip
CACHE = """\
[TensorRT-LLM][INFO] Memory usage when calculating max tokens in paged kv cache: total: 79.10 GiB, available: 70.48 GiB
[TensorRT-LLM][WARNING] maxAttentionWindow and maxSequenceLen are too large for at least one sequence to fit in kvCache. they are reduced to 5185
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 63.44 GiB for max tokens in paged KV cache (259840).
"""  # noqa: E501
REDUCED = "the KV cache has no room for the longest sequence: the engine reduced max_seq_len to 5185"


def stage(name: str, words: str, skip: str = "") -> Stage:
    return Stage(name=name, argv=["program", *words.split()], cwd="/", skip=skip)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("build", "--max_batch_size 16 --gemm_plugin auto --nccl_plugin disable --moe_plugin disable", []),
        ("build", "--context_fmha enable --tokens_per_block=64 --speculative_decoding_mode medusa", []),
        ("build", "--kv_cache_type paged", []),
        ("build", "--max_num_tokens 16384", ["asked for max_num_tokens 16384, the engine has 8192"]),
        ("build", "--gemm_plugin bfloat16", ["asked for gemm_plugin bfloat16, the engine has float16"]),
        ("build", "--nccl_plugin float16", ["asked for nccl_plugin float16, the engine has disable"]),
        ("build", "--context_fmha disable", ["asked for context_fmha disable, the engine has enable"]),
        ("convert", "--dtype float16 --use_weight_only", []),
        ("convert", "--dtype bfloat16", ["asked for dtype bfloat16, the engine has float16"]),
        (
            "convert",
            "--use_weight_only --weight_only_precision int4 --int8_kv_cache",
            [
                "asked for W4A16 weights, the engine has W8A16",
                "asked for a KV cache in int8, the engine has none that is quantised",
            ],
        ),
        ("quantize", "--qformat fp8", ["asked for FP8 weights, the engine has W8A16"]),
    ],
    ids=range(11),
)
def test_engine_is_compared_with_its_commands(name: str, words: str, said: list[str]) -> None:
    assert list(engine_differences([stage(name, words)], [], ENGINE)) == said


def test_only_commands_that_made_the_engine_count() -> None:
    given = str(SkipReason(SkipKind.GIVEN, "paths.engine_dir /e"))
    cached = str(SkipReason(SkipKind.CACHED, "/cache/engine"))
    for skip, count in ((given, 0), (cached, 1)):
        found = engine_differences([stage("build", "--max_batch_size 8", skip)], [], ENGINE)
        assert len(list(found)) == count


def test_quantisation_that_benchmark_ignores() -> None:
    plain = ENGINE | {"pretrained_config": {"dtype": "float16"}}
    (said,) = engine_differences([], ["--quantization", "fp8"], plain)
    assert said.startswith("asked for quantization fp8, which benchmark.py ignores")


@pytest.mark.parametrize(
    ("words", "log", "said"),
    [
        ("--kv_cache_free_gpu_memory_fraction 0.9", CACHE, [REDUCED]),
        (
            "--kv_cache_free_gpu_memory_fraction 0.5 --use_py_session",
            f"Using Python session\n{CACHE}",
            [
                "asked for kv_cache_free_gpu_memory_fraction 0.5, the engine allocated 63.44 of the 70.48 GiB"
                " that were free: 0.90",
                REDUCED,
            ],
        ),
        (
            "--num_beams 2",
            'unavailable, fallback to Python session.\nInput [Text 0]: "a"\nOutput [Text 0 Beam 0]: "b"\n',
            [
                "asked for the C++ session, run.py used the Python session",
                "asked for num_beams 2, run.py answered with 1",
            ],
        ),
    ],
    ids=["as asked", "fraction", "fallback"],
)
def test_run_py_is_compared_with_its_command(words: str, log: str, said: list[str]) -> None:
    assert list(smoke_differences(["run.py", *words.split()], log)) == said


def finished(stages: list[Stage], *, two_parts: bool, configs: dict[str, bytes | None]) -> FinishedStage:
    benchmark = msgspec.structs.replace(stage("benchmark", ""), files=engine_files("/e", two_parts=two_parts))
    return FinishedStage(0, benchmark, 1, "", configs.get, stages)


def test_a_finished_benchmark_reads_the_config_of_its_engine() -> None:
    build = stage("build", "--max_seq_len 4096")
    content: bytes | None = json.dumps(ENGINE).encode()
    for read, said in ((content, 1), (b"[]", 0), (None, 0)):
        found = collect_results(finished([build], two_parts=False, configs={"engine": read}))
        assert len(list(found)) == said


def test_encoder_and_decoder_are_compared_with_their_own_builds() -> None:
    stages = [
        stage("convert", "--dtype float16 --output_dir /c"),
        stage("build", "--max_batch_size 16 --max_input_len 512 --output_dir /e/encoder"),
        stage("build", "--max_batch_size 8 --max_input_len 1024 --output_dir /e/decoder"),
    ]
    decoder = ENGINE | {"pretrained_config": {"dtype": "bfloat16"}}
    configs: dict[str, bytes | None] = {
        "encoder": json.dumps(ENGINE).encode(), "decoder": json.dumps(decoder).encode(),
    }  # fmt: skip
    assert [notice.text for notice in collect_results(finished(stages, two_parts=True, configs=configs))] == [
        "encoder: asked for max_input_len 512, the engine has 1024",
        "decoder: asked for max_batch_size 8, the engine has 16",
        "decoder: asked for dtype float16, the engine has bfloat16",
    ]


def test_run_py_prints_limits_unless_a_profile_silences_it() -> None:
    """The command has no --log_level, so that it is the one of the workflow."""
    assert {form.default for form in every_form("run", "log_level")} == {"info"}
