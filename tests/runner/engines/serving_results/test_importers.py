"""Results of programs that measure a server: what is mapped, in which unit, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.archive.import_results import ORIGINALS, import_files
from runner.cli.main import main
from runner.compare.differences import differences
from runner.compare.sides import load_sides
from runner.history.reader import read_entries
from runner.history.reports import load_report
from runner.metrics.caveats import caveats
from runner.report.model import ConfigurationReport
from runner.util.errors import UserError
from tests.support.paths import DATA

GOLDEN = DATA / "serving-results"
FILES = {
    "vllm": "vllm-0.33.0.json",
    "sglang": "sglang-0.5.23.jsonl",
    "aiperf": "aiperf-0.13.0.json",
    "guidellm": "guidellm-0.8.1.json",
    "inferencex": "inferencex.json",
}
PRINTED: dict[str, dict[str, tuple[float, float]]] = json.loads((GOLDEN / "printed.json").read_text())
"""file -> metric of its first benchmark -> number that the program printed, half a unit of its last digit"""
UNPRINTED = {
    "sglang-0.4.9.jsonl": {
        "inter_token_latency_ms", "inter_token_latency_p50_ms", "inter_token_latency_p99_ms",
        "request_latency_p99_ms",
    },
}  # fmt: skip
"""metrics that a program writes into its file only"""
SHAPES = {
    "vllm-0.10.2.json": [(40, 64, 20, 4)],
    "vllm-0.33.0.json": [(40, 64, 20, 4)],
    "sglang-0.4.9.jsonl": [(40, 64, 20, 4), (40, 64, 20, -1)],
    "sglang-0.5.23.jsonl": [(40, 64, 20, 4), (40, 64, 20, -1)],
    "aiperf-0.7.0.json": [(40, 64, 20, 4)],
    "aiperf-0.13.0.json": [(40, 64, 20, 4)],
    "guidellm-0.5.4.json": [(40, 64, 20, 4)],
    "guidellm-0.8.1.json": [(19, 64, 20, -1), (20, 64, 20, -1)],
    "inferencex.json": [(0, 1024, 1024, 64), (0, 1024, 1024, 128)],
}
"""requests (0: not stated), input and output length, concurrency of each configuration; -1: a rate decides"""
OWN_NAMES = {
    "vllm-0.10.2.json": "mean_itl_ms 6.62",
    "vllm-0.33.0.json": "mean_itl_ms 7.04",
    "sglang-0.4.9.jsonl": "median_itl_ms 5.79",
    "sglang-0.5.23.jsonl": "median_itl_ms 6.80",
    "aiperf-0.7.0.json": "output_token_throughput_per_user.p50 ",
    "aiperf-0.13.0.json": "output_token_throughput_per_user.p50 ",
    "guidellm-0.5.4.json": "inter_token_latency_ms.mean 5.75",
    "guidellm-0.8.1.json": "inter_token_latency_ms.mean 7.22",
    "inferencex.json": "mean_intvty 80.0",
}
"""file -> a number that looks like a metric here and means something else"""


def numbers(configuration: ConfigurationReport) -> dict[str, float]:
    return {row.metric: row.value for row in configuration.rows if row.value is not None}


@pytest.mark.parametrize("name", SHAPES)
def test_numbers_are_those_that_the_program_printed(name: str) -> None:
    (run_dir, _), *_ = import_files([GOLDEN / name])
    report = load_report(run_dir)
    program = name.partition("-")[0].partition(".")[0]
    found, printed = numbers(report.configurations[0]), PRINTED[name]
    assert report.engine == program
    assert found.keys() - printed.keys() == UNPRINTED.get(name, set())
    wrong = [key for key, (number, half) in printed.items() if abs(found[key] - number) > half]
    assert wrong == []
    shapes = [(one.requests, one.input_len, one.output_len, one.concurrency) for one in report.configurations]
    assert shapes == SHAPES[name]
    assert any(OWN_NAMES[name] in flag for flag in report.flags), "the rest is shown under its own name"
    assert (run_dir / ORIGINALS / name).read_bytes() == (GOLDEN / name).read_bytes()
    assert import_files([GOLDEN / name])[0].new is False


def test_they_are_listed_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = GOLDEN / FILES["vllm"]
    faster = json.loads(golden.read_text()) | {"output_throughput": 800.0}
    (tmp_path / "faster.json").write_text(json.dumps(faster))
    assert main(["import", str(golden), str(tmp_path / "faster.json")]) == 0
    names = [entry.run for entry in read_entries()]
    assert main(["ls"]) == 0
    assert main(["export", names[0], "-o", str(tmp_path / "page.html")]) == 0
    assert "ranks not stated" in (tmp_path / "page.html").read_text()
    capsys.readouterr()
    assert main(["compare", *names]) == 0
    shown = capsys.readouterr().out
    assert "concurrency 4 64→20" in shown
    assert "800.00" in shown
    assert "an imported result does not state its machine" in shown


def test_what_a_result_states_of_its_conditions_is_compared(tmp_path: Path) -> None:
    other = changed("vllm", lambda one: one.update(model_id="org/other", backend="openai-chat"))
    (tmp_path / "other.json").write_text(other)
    runs = import_files([GOLDEN / FILES["vllm"], tmp_path / "other.json"])
    found = differences(load_sides([run.run_dir.name for run in runs]))
    kinds = {one.name: (one.values, one.kind) for one in found}
    assert kinds["model.name"] == (("tiny", "org/other"), "unfair")
    assert kinds["backend"] == (("openai", "openai-chat"), "subject")


def test_a_comparison_with_an_engine_names_the_http() -> None:
    (caveat,) = caveats({"vllm", "trtllm-bench"})
    assert caveat.startswith("times of vllm bench serve include the HTTP connection")
    assert caveats({"vllm"}) == []


def test_a_repeated_configuration_is_a_run_of_its_own(tmp_path: Path) -> None:
    line = (GOLDEN / FILES["sglang"]).read_text().splitlines()[0]
    (tmp_path / "twice.jsonl").write_text(f"{line}\n{line}\n")
    first, second = import_files([tmp_path / "twice.jsonl"])
    assert first.new
    assert second.new
    assert not any(run.new for run in import_files([tmp_path / "twice.jsonl"]))


def test_rates_per_gpu_are_of_the_gpus_that_they_name() -> None:
    _, (run_dir, _) = import_files([GOLDEN / FILES["inferencex"]])
    report = load_report(run_dir)
    found = numbers(report.configurations[0])
    assert found["total_tokens_per_sec"] == pytest.approx(9000 * (8 + 16))
    assert found["output_tokens_per_sec"] == pytest.approx(1500 * 16), "only decoding GPUs count"
    assert found["output_tokens_per_sec_per_gpu"] == pytest.approx(1000)
    assert "the server had 24 GPUs" in report.flags[0]
    assert "the number of requests is not stated" in report.flags[1]


# --- what cannot be taken -----------------------------------------------------------------------------------


def changed(program: str, change: Callable[[Any], object], name: str = "") -> str:
    """Return a golden file (of SGLang its first line) after a change."""
    text = (GOLDEN / (name or FILES[program])).read_text()
    data = json.loads(text.splitlines()[0] if program == "sglang" else text)
    change(data)
    return json.dumps(data)


REFUSED: dict[str, tuple[str, str]] = {
    "vllm damaged": ((GOLDEN / FILES["vllm"]).read_text()[:700], "is not complete JSON"),
    "vllm without output": (
        changed("vllm", lambda one: one.pop("total_output_tokens")), "has no total_output_tokens",
    ),
    "vllm a text": (
        changed("vllm", lambda one: one.update(mean_ttft_ms="fast")), "mean_ttft_ms is 'fast', but must be",
    ),
    "vllm infinite": (
        changed("vllm", lambda one: one.update(mean_ttft_ms=float("inf"))), "a number that no measurement",
    ),
    "vllm nothing completed": (
        changed("vllm", lambda one: one.update(completed=0)), "it has no requests",
    ),
    "lines of another program": ('{"metadata": {}}\n{"metadata": {}}\n', "contains no result of a program"),
    "sglang damaged": ((GOLDEN / FILES["sglang"]).read_text()[:-40], ":2: the line is not a complete JSON"),
    "sglang unknown": (changed("sglang", lambda one: one.pop("completed")), ":1: has no completed"),
    "aiperf damaged": (
        changed("aiperf", lambda one: one["request_latency"].pop("avg")), "request_latency: has no avg",
    ),
    "aiperf schema 2": (
        changed("aiperf", lambda one: one.update(schema_version="2.0")), "has schema_version '2.0'",
    ),
    "aiperf unit": (
        changed("aiperf", lambda one: one["request_latency"].update(unit="min")), "the unit 'min' is not",
    ),
    "guidellm damaged": (
        changed("guidellm", lambda one: one["benchmarks"][1]["metrics"].pop("request_latency")),
        r"benchmarks\[1\]: metrics.request_latency.successful: has no mean",
    ),
    "guidellm version 3": (
        changed("guidellm", lambda one: one["metadata"].update(version=3)), "has metadata.version 3",
    ),
    "inferencex 2025": (changed("inferencex", lambda rows: rows[1].pop("isl")), "row 2: has no isl"),
    "inferencex infinite": (
        changed("inferencex", lambda rows: rows[0].update(isl=math.inf)),
        "row 1: isl and osl are inf and",
    ),
    "inferencex no gpu": (changed("inferencex", lambda rows: rows[0].update(tp=0)), "row 1: states 0 GPUs"),
    "guidellm 0.3": (
        changed("guidellm", lambda one: one.pop("metadata"), "guidellm-0.5.4.json"),
        "has no metadata.version",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_the_file_and_the_gap(tmp_path: Path, case: str) -> None:
    text, said = REFUSED[case]
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        import_files([tmp_path / "x.json"])
    assert "x.json" in str(caught.value)
    assert read_entries() == []


UNITS = {
    "seconds": ({"unit": "sec", "avg": 0.085}, 85.0),
    "nanoseconds": ({"unit": "ns", "avg": 85e6}, 85.0),
}


@pytest.mark.parametrize("case", UNITS)
def test_the_unit_in_the_file_decides(tmp_path: Path, case: str) -> None:
    block, expected = UNITS[case]
    (tmp_path / "x.json").write_text(changed("aiperf", lambda one: one.update(time_to_first_token=block)))
    ((run_dir, _),) = import_files([tmp_path / "x.json"])
    assert numbers(load_report(run_dir).configurations[0])["ttft_ms"] == pytest.approx(expected)
