"""What trtllm-bench prints and writes."""

from __future__ import annotations

import pytest

from runner.engines.trtllm_bench.output import (
    json_report,
    parse_iteration,
    printed_report,
    report_notices,
)
from runner.events import EngineIteration


def test_a_line_of_the_iteration_log_is_a_python_dict() -> None:
    line = (
        "{'iter': 7, 'iterLatencyMS': 12.5, 'numActiveRequests': 9, 'numQueuedRequests': 3, 'other': None,"
        " 'kvCacheStats': {'maxNumBlocks': 200, 'usedNumBlocks': 50},"
        " 'inflightBatchingStats': {'numContextRequests': 1, 'numGenRequests': 8, 'numCtxTokens': 128,"
        " 'avgNumDecodedTokensPerIter': 1.5}}"
    )
    assert parse_iteration(line, 5, 2) == EngineIteration(
        t=5, stage=2, i=7, latency_ms=12.5, active=9, queued=3, context=1, generating=8, tokens=140,
        kv_used=50, kv_total=200,
    )  # fmt: skip


def test_a_line_of_the_iteration_log_of_0_16_is_json() -> None:
    line = (
        '{"gpuMemUsage":1024,"inflightBatchingStats":{"avgNumDecodedTokensPerIter":0.0,"numContextRequests":2,'
        '"numCtxTokens":256,"numGenRequests":0},"iter":0,"iterLatencyMS":8.25,"kvCacheStats":{"maxNumBlocks":200,'
        '"usedNumBlocks":4},"numActiveRequests":2,"numQueuedRequests":0,"staticBatchingStats":null}'
    )
    assert parse_iteration(line, 5, 2) == EngineIteration(
        t=5, stage=2, i=0, latency_ms=8.25, active=2, queued=0, context=2, generating=0, tokens=256,
        kv_used=4, kv_total=200, gpu_memory=1024,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{'iter': 1, 'iterLat",
        "[1]",
        "{'iter': 1}",
        "__import__('os')",
        "{" * 9999,
        "[" * 9999,
        "nan",
        "null",
    ],
)
def test_what_is_no_iteration_is_left_out(line: str) -> None:
    assert parse_iteration(line, 0, 0) is None


def test_a_report_with_tabs_and_one_with_spaces() -> None:
    old = "= ENGINE DETAILS\nModel:\tx\n= PERFORMANCE OVERVIEW \nToken Throughput (tokens/sec):\t12.5000\n"
    assert printed_report(old)["Token Throughput (tokens/sec)"] == "12.5000"
    new = (
        "= PYTORCH BACKEND\nModel:\t\tx\n= PERFORMANCE OVERVIEW \n"
        "Total Output Throughput (tokens/sec):             12.5000\n"
        "-- Request Latency Breakdown (ms) ---\n[Latency] P50    : 3.5000\n"
        "[01/01/2026-10:00:00] [TRT-LLM] [I] later: words\n= DATASET DETAILS\nNumber of Sequences: 3\n"
    )
    found = printed_report(new)
    assert found["[Latency] P50"] == "3.5000"
    assert not {"later", "Number of Sequences"} & set(found)


@pytest.mark.parametrize("backend", ["PyTorch backend", "PYTORCH BACKEND", "_AUTODEPLOY BACKEND"])
def test_the_first_heading_names_the_backend(backend: str) -> None:
    report = (
        f"= {backend}\nModel:\t\t\tx\nModel Path:\t\tNone\nDtype:\t\t\tbfloat16\n"
        "= PERFORMANCE OVERVIEW \nToken Throughput (tokens/sec):\t12.5000\n"
    )
    assert printed_report(report) == {
        "Model": "x",
        "Model Path": "None",
        "Dtype": "bfloat16",
        "Token Throughput (tokens/sec)": "12.5000",
    }


def test_a_line_of_blanks_behind_a_heading_costs_no_time() -> None:
    blank = "= ENGINE DETAILS\n" + " " * 100_000 + "\n= PERFORMANCE OVERVIEW\n"
    assert printed_report(f"{blank}Token Throughput (tokens/sec):\t5\n") == {
        "Token Throughput (tokens/sec)": "5"
    }


@pytest.mark.parametrize("foreign", ["nan", "-inf", "NaN", "null", "true"])
def test_an_iteration_with_values_that_python_cannot_parse(foreign: str) -> None:
    found = parse_iteration(f"{{'iterLatencyMS': 2.5, 'kvCacheStats': {{'cacheHitRate': {foreign}}}}}", 0, 0)
    assert isinstance(found, EngineIteration)
    assert found.latency_ms == 2.5


@pytest.mark.parametrize(("reported", "share"), [(90.0, "0.9"), (0.9, "0.9"), (1.0, "1.0")])
def test_the_memory_of_the_kv_cache_is_a_share(reported: float, share: str) -> None:
    found = json_report(b'{"world_info": {"kv_cache_percentage": %r}}' % reported)
    assert found == {"world_info.kv_cache_percentage": share}


def test_latency_of_0_16_prints_the_median_as_p90() -> None:
    report = "= ENGINE DETAILS\nModel:\tx\n= THROUGHPUT OVERVIEW\nRequest Throughput (req/sec):\t5.0\n"
    assert report_notices(printed_report(report)) == []
    report += "= GENERATION LATENCY BREAKDOWN\nAVG (ms): 5.0000\nP90 (ms): 4.5000\nP95 (ms): 6.0000\n"
    (notice,) = report_notices(printed_report(report))
    assert "prints the median as P90: 4.5000 ms" in notice


def test_a_json_report_may_hold_infinity() -> None:
    found = json_report(b'{"world_info": {"tp_size": 2, "issue_rate": Infinity}, "p": {"x": NaN}}')
    assert found["world_info.tp_size"] == "2"
    assert "world_info.issue_rate" not in found


def test_no_report_is_no_result() -> None:
    assert printed_report("[TRT-LLM] [I] = ENGINE\nModel: x") == {}
    assert json_report(None) == json_report(b"{") == {}
    assert json_report(b'{"performance": {"total_latency_ms": 5.5}}') == {
        "performance.total_latency_ms": "5.5"
    }
