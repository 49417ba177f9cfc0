"""Importing console logs of trtllm-bench, and that no number of a report is lost."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from runner.archive.import_results import import_files
from runner.engines.trtllm_bench import output
from runner.history.reports import load_report
from runner.metrics.metric import as_number
from tests.standins.bench import bench_report
from tests.support.bench_results import LOGGED, imported, new_report, old_report, values, written


def test_a_log_with_tabs(tmp_path: Path) -> None:
    found = imported(tmp_path, bench_log=old_report())
    (configuration,) = found.configurations
    assert (found.engine, found.profile, found.ranks, found.status) == (
        "trtllm-bench", "Llama-3.1-8B", 2, "finished",
    )  # fmt: skip
    assert found.summary == (
        "Llama-3.1-8B, throughput, engine, TensorRT-LLM 0.16.0, 2 ranks, 1 configuration, imported"
    )
    assert (configuration.requests, configuration.input_len, configuration.output_len) == (3000, 128, 128)
    assert configuration.concurrency == 0, "0.16 knows no limit"
    table = values(configuration)
    assert table["output_tokens_per_sec"] == 1000
    assert table["output_tokens_per_sec_per_gpu"] == 500
    assert table["total_latency_ms"] == 384000
    assert not {"latency_ms", "tokens_per_sec"} & table.keys(), "they mean something else"
    for invented in ("request_latency_p50_ms", "ttft_ms", "engine_iteration_ms"):
        assert table[invented] is None
    assert found.flags == [
        "imported from bench.log: no request was observed, every number is as trtllm-bench reported it, or"
        " derived from that; the time of the run is the files'"
    ]


@pytest.mark.parametrize("heading", ["= PyTorch backend", "= _AUTODEPLOY BACKEND"])
def test_a_log_with_another_backend_heading(tmp_path: Path, heading: str) -> None:
    found = imported(tmp_path, bench_log=new_report().replace("= PYTORCH BACKEND", heading))
    assert found.profile == "Llama-3.1-8B"
    assert values(found.configurations[0])["output_tokens_per_sec"] == 64


def test_the_names_of_0_19_are_metrics(tmp_path: Path) -> None:
    older = new_report().replace("(tps/gpu):  ", "(tokens/sec/gpu):  ")
    older += "\nPer User Output Throughput (tokens/sec/user):     38.1959\n"
    table = values(imported(tmp_path, bench_log=older).configurations[0])
    assert table["output_tokens_per_sec_per_gpu"] == 16
    assert table["output_tokens_per_sec_per_user"] == 38.1959


def test_a_log_with_spaces(tmp_path: Path) -> None:
    found = imported(tmp_path, bench_log=new_report())
    (configuration,) = found.configurations
    table = values(configuration)
    assert found.ranks == 4
    assert table["output_tokens_per_sec"] == 64
    assert table["total_tokens_per_sec"] == 192
    assert (table["ttft_ms"], table["ttft_p50_ms"]) == (20, 19)
    assert table["request_latency_p50_ms"] == 239
    assert any("maximum number of requests in flight" in flag for flag in found.flags)


@pytest.mark.parametrize(
    ("call", "concurrency"),
    [
        ("$ trtllm-bench -m x --model_path /m throughput --dataset d --concurrency 16 --streaming\n", 16),
        ("+ /opt/bin/trtllm-bench --model x \\\n  throughput \\\n  --concurrency=8 --dataset d\n", 8),
        ("$ trtllm-bench --model x throughput --dataset d\n", 0),
        ("$ trtllm-bench --model x latency --dataset d\n", 1),
        (f"{LOGGED}Setting up latency benchmark.\n", 1),
        (f"{LOGGED}Setting up throughput benchmark.\n", -1),
    ],
)
def test_a_log_says_how_it_was_called(tmp_path: Path, call: str, concurrency: int) -> None:
    (configuration,) = imported(tmp_path, bench_log=call + new_report()).configurations
    assert configuration.concurrency == concurrency


def test_a_log_of_several_benchmarks(tmp_path: Path) -> None:
    calls = [f"trtllm-bench -m x throughput --concurrency {n}\n{new_report(500.0 / n)}" for n in (1, 4, 16)]
    found = imported(tmp_path, loop_log="".join(calls))
    assert [one.concurrency for one in found.configurations] == [1, 4, 16]
    assert [values(one)["output_tokens_per_sec"] for one in found.configurations] == [64, 256, 1024]
    assert len(found.flags) == 1


def test_a_log_from_another_system_and_launcher(tmp_path: Path) -> None:
    lines = old_report().splitlines()
    (path,) = written(tmp_path, bench_log="")
    path.write_bytes("\r\n".join(f"[1,0]<stdout>: {line}" for line in lines).encode() + b"\r\n\xff\xfe\r\n")
    ((run_dir, _),) = import_files([path])
    assert values(load_report(run_dir).configurations[0])["output_tokens_per_sec"] == 1000


def full_report(form: str) -> tuple[str, dict[str, float]]:
    """A report of 20 requests, and all of its numbers by name."""
    rng = random.Random(5)
    records = []
    for index in range(20):
        first, end = rng.randint(2, 9) * 10**6, rng.randint(20, 90) * 10**6
        records.append(
            {
                "start_timestamp": index * 10**6, "first_token_timestamp": index * 10**6 + first,
                "end_timestamp": index * 10**6 + end, "num_input_tokens": 16 + index, "output_tokens": 8,
            }
        )  # fmt: skip
    facts = {
        "model": "m", "version": "1.2.1", "backend": "Pytorch", "tp": 2, "streaming": True,
        "engine_dir": "/e", "limits": {"max_input_len": 1024, "max_seq_len": 2048},
    }  # fmt: skip
    if form == "json":
        text = json.dumps(bench_report.report_as_json(records, facts))
        stated = output.json_report(text.encode())
    else:
        facts |= {} if form == "1.2" else {"version": "0.16.0"}
        version, command = ((1, 2), "throughput") if form == "1.2" else ((0, 16), form)
        text = f"{LOGGED}{bench_report.report_as_text(version, command, records, facts)}"
        ((stated, _),) = output.printed_reports(text)
    numbers = {name: as_number(value) for name, value in stated.items()}
    return text, {name: number for name, number in numbers.items() if number}


NOT_IN_TABLE = re.compile(
    r"\[(TTFT|TPOT)\] (MIN|MAX|AVERAGE)|\[GTPS\]|\[Latency\] AVERAGE|"
    r"(ttft|tpot)_percentiles\.(min|max|average)|gen_tps_percentiles|percentiles_ms\.average|"
    r"world_info|(TP|PP) Size|Max |Issue Rate|KV Memory|Number of Sequences|GENERATION LATENCY|"
    r"Acceptance Rate"
)
"""Repeats of a mean, extremes of two times, percentiles that follow from others, and settings."""


@pytest.mark.parametrize("form", ["json", "1.2", "throughput", "latency"])
def test_every_number_of_a_report_is_in_the_table(tmp_path: Path, form: str) -> None:
    text, stated = full_report(form)
    found = imported(tmp_path, report_json=text) if form == "json" else imported(tmp_path, run_log=text)
    (configuration,) = found.configurations
    shown = {row.value for row in configuration.rows if row.value is not None}
    expected = {name: number for name, number in stated.items() if not NOT_IN_TABLE.search(name)}
    assert len(expected) >= 8
    assert {name for name, number in expected.items() if number not in shown} == set()
