"""What trtllm-bench writes, shortened, and its import."""

from __future__ import annotations

import json
from pathlib import Path

from runner.archive.import_results import import_files
from runner.history.reports import load_report
from runner.report.build import build_report
from runner.report.files import read_state
from runner.report.model import ConfigurationReport, Report
from runner.run import layout

LOGGED = "[11/22/2026-10:00:00] [TRT-LLM] [I] "


def old_report(tokens: float = 1000.0, tp: int = 2) -> str:
    """As 0.14 to 0.17 print it: names and tabs."""
    lines = [
        f"{LOGGED}", "", "===", "= ENGINE DETAILS", "===", "Model:\t\t\tmeta-llama/Llama-3.1-8B",
        "Engine Directory:\t/tmp/engine", "TensorRT-LLM Version:\t0.16.0", "", "===",
        "= WORLD + RUNTIME INFORMATION ", "===", f"TP Size:\t\t{tp}", "PP Size:\t\t1",
        "Issue Rate (req/sec):\t5.0689E+14", "", "===", "= PERFORMANCE OVERVIEW ", "===",
        "Number of requests:\t\t3000", "Average Input Length (tokens):\t128.0000",
        "Average Output Length (tokens):\t127.6000", f"Token Throughput (tokens/sec):\t{tokens:.4f}",
        "Request Throughput (req/sec):\t7.8125", "Total Latency (ms):\t\t384000.0000", "", "===", "",
        f"{LOGGED}Benchmark Shutdown called!", "",
    ]  # fmt: skip
    return "\n".join(lines)


def new_report(total_ms: float = 500.0) -> str:
    """As 1.x prints it: names and spaces."""
    lines = [
        f"{LOGGED}", "", "===", "= PYTORCH BACKEND", "===", "Model:\t\t\tmeta-llama/Llama-3.1-8B",
        "Model Path:\t\tNone", "TensorRT LLM Version:\t1.2.1", "Dtype:\t\t\tbfloat16", "", "===",
        "= REQUEST DETAILS ", "===", "Number of requests:             4",
        "Number of concurrent requests:  1.9000", "Average Input Length (tokens):  16.0000",
        "Average Output Length (tokens): 8.0000", "===", "= WORLD + RUNTIME INFORMATION ", "===",
        "TP Size:                4", "PP Size:                1", "EP Size:                None", "===",
        "= PERFORMANCE OVERVIEW ", "===",
        f"Request Throughput (req/sec):                     {4000 / total_ms:.4f}",
        f"Total Output Throughput (tokens/sec):             {32000 / total_ms:.4f}",
        f"Total Token Throughput (tokens/sec):              {96000 / total_ms:.4f}",
        f"Total Latency (ms):                               {total_ms:.4f}",
        "Average request latency (ms):                     240.0000",
        f"Per GPU Output Throughput (tps/gpu):              {8000 / total_ms:.4f}",
        "Average time-to-first-token [TTFT] (ms):          20.0000", "[TTFT] P50    : 19.0000",
        "", "-- Request Latency Breakdown (ms) ----", "", "[Latency] P50    : 239.0000", "",
    ]  # fmt: skip
    return "\n".join(lines)


def json_report(total_ms: float = 500.0) -> str:
    """What --report_json writes; Python writes a division by zero as Infinity."""
    return json.dumps(
        {
            "engine": {"model": "meta-llama/Llama-3.1-8B", "version": "1.2.1", "backend": "Pytorch"},
            "machine": None,
            "world_info": {"tp_size": 4, "pp_size": 1, "world_size": 4, "issue_rate": float("inf")},
            "request_info": {"num_requests": 4, "avg_input_length": 16.0, "avg_output_length": 8.0},
            "performance": {
                "total_latency_ms": total_ms,
                "system_output_throughput_tok_s": 32000 / total_ms,
                "request_latency_percentiles_ms": {"p50": 239.0, "p95": 245.0},
            },
        },
        indent=4,
    )


def request_file(total_ms: float = 500.0, count: int = 4) -> str:
    """What --request_json writes: times in nanoseconds of a clock, tokens streamed."""
    start, half = 7_000_000_000, int(total_ms * 5e5)
    return json.dumps(
        [
            {
                "id": index,
                "start_timestamp": start + (index % 2) * half,
                "first_token_timestamp": start + (index % 2) * half + 1_000_000,
                "end_timestamp": start + (index % 2 + 1) * half,
                "num_input_tokens": 16,
                "output_tokens": 8,
            }
            for index in range(count)
        ]
    )


def written(folder: Path, **files: str) -> list[Path]:
    """Files by name, with `_` for the dot before their ending."""
    found = []
    for name, text in files.items():
        path = folder / ".".join(name.rsplit("_", 1))
        path.write_text(text)
        found.append(path)
    return found


def imported(folder: Path, concurrency: tuple[int, ...] = (), **files: str) -> Report:
    ((run_dir, _),) = import_files(written(folder, **files), concurrency)
    final = load_report(run_dir)
    assert final == build_report(layout.load_plan(run_dir), read_state(run_dir))
    return final


def values(configuration: ConfigurationReport) -> dict[str, float | None]:
    return {row.metric: row.value for row in configuration.rows}
