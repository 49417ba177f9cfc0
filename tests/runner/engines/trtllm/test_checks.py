"""Checks of a profile of TensorRT-LLM: memory, heads, the timed loop, and a given engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.engines.check import Check
from runner.engines.facts import Gpu, MachineFacts
from tests.support.machine_facts import FACTS, GIB, PROBE_ANSWER, facts, flagship, one


def test_memory_is_shown_as_arithmetic() -> None:
    assert one("GPU memory").text == (
        "weights 61.0 GiB / 8 = 7.6 GiB, KV cache 2 x 64 layers x 1 heads x 128 x 2 B x 16 x 2048 tokens"
        " = 1.0 GiB; at most weights 7.6 + KV cache 1.0 + CUDA context 0.8 + NCCL 0.4 = 9.8 GiB a GPU,"
        " without execution (not predicted: TensorRT sizes its execution context when it builds the engine);"
        " 45.0 GiB of 46.0 GiB free"
    )


@pytest.mark.parametrize(("total", "used", "verdict"), [(46, 1, "pass"), (24, 20, "warn"), (8, 0, "fail")])
def test_memory_verdicts(total: int, used: int, verdict: str) -> None:
    gpus = (Gpu(name="GPU", total=total * GIB, used=used * GIB),) * 8
    assert one("GPU memory", facts(gpus=gpus)).verdict == verdict


def test_quantised_weights_are_smaller() -> None:
    profile = flagship("convert.use_weight_only=true", "convert.int8_kv_cache=true")
    text = one("GPU memory", FACTS, profile).text
    assert text.startswith("weights 30.5 GiB (61.0 GiB of bfloat16 as int8) / 8 = 3.8 GiB")
    assert "x 128 x 1 B x 16 x 2048 tokens = 0.5 GiB" in text


def test_memory_that_is_not_known_is_said() -> None:
    check = one("GPU memory", facts(weights={}))
    assert (check.verdict, check.text) == (
        "warn",
        "not computed: neither the model's folder nor an engine states the weights and layers",
    )


def test_heads() -> None:
    check = one("heads", FACTS, flagship("parallel.tp=16"))
    assert check == Check(
        "heads",
        "fail",
        "tp 16 does not fit the model's 40 heads and 8 key/value heads; allowed: 1, 2, 4, 8, 40",
        "--set parallel.tp=8",
    )


def test_ranks_that_end_by_their_own_clock() -> None:
    assert one("timed loop", FACTS, flagship()) == Check(
        "timed loop",
        "warn",
        "each of 8 ranks ends its loop after 60 s of its own clock, so one can wait for others that stopped;"
        " a fixed count prevents that; sequences end early if the model emits token 2 (hard-coded in"
        " benchmark.py); results flag that",
        "--set benchmark.duration=0 --set benchmark.num_runs=10",
    )


def engine_facts(**limits: Any) -> MachineFacts:
    config = {
        "version": "0.16.0",
        "pretrained_config": {"dtype": "float16", "mapping": {"world_size": 8, "tp_size": 8}},
        "build_config": {"max_batch_size": 16, "max_input_len": 1024, "max_seq_len": 2048},
    } | limits
    return facts(texts=PROBE_ANSWER.texts | {"/e/config.json": json.dumps(config)}, weights={"/e": 62 * GIB})


def test_an_engine_that_fits() -> None:
    profile = flagship("paths.engine_dir=/e")
    assert one("engine", engine_facts(), profile) == Check(
        "engine", "pass", "/e: max_batch_size 16, max_input_len 1024, max_seq_len 2048"
    )
    assert one("GPU memory", engine_facts(), profile).text.startswith("engine files 62.0 GiB / 8 = 7.8 GiB")


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (
            {"build_config": {"max_batch_size": 8, "max_seq_len": 1024}},
            "batch size 16 is more than the engine's max_batch_size 8\n"
            "input + output length 2048 is more than the engine's max_seq_len 1024",
        ),
        (
            {"version": "0.15.0"},
            "built by TensorRT-LLM 0.15.0, 0.16.0 is installed; engines do not load across them",
        ),
    ],
)
def test_an_engine_that_does_not_fit(limits: dict[str, Any], text: str) -> None:
    check = one("engine", engine_facts(**limits), flagship("paths.engine_dir=/e"))
    assert (check.verdict, check.text) == ("fail", text)


def test_a_checkpoint_given_as_engine() -> None:
    check = one("engine", FACTS, flagship("paths.engine_dir=/e"))
    assert check.text == "paths.engine_dir: /e has no config.json of an engine (is it a checkpoint?)"
