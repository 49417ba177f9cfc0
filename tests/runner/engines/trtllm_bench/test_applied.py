"""What was asked for against what the engine says it applied."""

from __future__ import annotations

import pytest

from runner import events as ev
from runner.engines.trtllm_bench.applied import differences
from runner.engines.trtllm_bench.output import parse_iteration
from runner.metrics.serving_flags import serving_flags
from runner.state.configuration import ConfigurationState
from runner.state.serving import ServingState

CPP = """\
[TensorRT-LLM][INFO] TRTGptModel maxBatchSize: 16
[TensorRT-LLM][INFO] TRTGptModel maxSequenceLen: 2048
[TensorRT-LLM][INFO] TRTGptModel maxNumTokens: 8192
[TensorRT-LLM][INFO] Capacity Scheduler Policy: GUARANTEED_NO_EVICT
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 0.56 GiB for max tokens in paged KV cache (8224).
"""
PYTORCH = """\
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 0.10 GiB for max tokens in paged KV cache (512).
[12/20/2025-04:21:10] [TRT-LLM] [I] max_seq_len=8224, max_num_requests=64, max_num_tokens=8192
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 78.30 GiB for max tokens in paged KV cache (3731744).
[TRT-LLM] [I] max_seq_len=8224, max_num_requests=64, max_num_tokens=8192, max_batch_size=64
"""
REPORT = {
    "Max Runtime Batch Size": "256",
    "KV Memory Percentage": "90.00%",
    "Scheduling Policy": "Guaranteed No Evict",
    "TP Size": "1",
    "Average Input Length (tokens)": "1024.0000",
    "Average Output Length (tokens)": "1024.0000",
}


@pytest.mark.parametrize(
    ("argv", "log", "said"),
    [
        ("--max_batch_size 16 --max_num_tokens 8192 --scheduler_policy guaranteed_no_evict", CPP, []),
        ("--max_batch_size 64", CPP, ["asked for max_batch_size 64, the engine used 16"]),
        ("--max_batch_size=64", "", ["asked for max_batch_size 64, the engine used 256"]),
        ("--kv_cache_free_gpu_mem_fraction 0.9 --tp 1", "", []),
        (
            "--kv_cache_free_gpu_mem_fraction 0.8",
            "",
            ["asked for kv_cache_free_gpu_mem_fraction 0.8, the engine used 90.00%"],
        ),
        (
            "--scheduler_policy max_utilization",
            CPP,
            ["asked for scheduler_policy max_utilization, the engine used GUARANTEED_NO_EVICT"],
        ),
        ("--max_seq_len 9000", PYTORCH, ["asked for max_seq_len 9000, the engine used 8224"]),
        ("--concurrency 32 --max_batch_size 64", PYTORCH, []),
        (
            "--concurrency 32",
            CPP,
            ["asked for 32 in flight, but the KV cache has 8224 tokens: 4 requests of the mean length 2048"],
        ),
    ],
    ids=range(9),
)
def test_differences(argv: str, log: str, said: list[str]) -> None:
    words = ["trtllm-bench", "--model", "m", "throughput", *argv.split()]
    assert list(differences(words, REPORT, log)) == said


def measured(active: int, paused: int) -> ConfigurationState:
    start = ev.ConfigurationStarted(
        t=0,
        stage=0,
        index=0,
        duration=0,
        batch_size=0,
        input_len=8,
        output_len=8,
        num_runs=0,
        warm_up=0,
        requests=100,
        concurrency=32,
    )
    serving = ServingState()
    for number in range(4):
        line = (
            f"{{'iter': {number}, 'iterLatencyMS': 2.0, 'numActiveRequests': {active},"
            f" 'inflightBatchingStats': {{'numGenRequests': {active}, 'numPausedRequests': {paused}}}}}"
        )
        event = parse_iteration(line, 1, 0)
        assert isinstance(event, ev.EngineIteration)
        serving.take(event)
    return ConfigurationState(start=start, serving=serving)


def test_fewer_in_flight_than_asked_is_flagged() -> None:
    found = serving_flags(measured(10, 0), 1)
    assert "asked for 32 in flight, never more than 10 ran" in found
    assert not any("asked for 32 in flight" in flag for flag in serving_flags(measured(32, 0), 1))


def test_paused_requests_are_flagged() -> None:
    assert any("requests were paused in 100.0%" in flag for flag in serving_flags(measured(32, 2), 1))
    assert not any("paused" in flag for flag in serving_flags(measured(32, 0), 1))
