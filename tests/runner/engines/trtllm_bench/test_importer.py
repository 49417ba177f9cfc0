"""Importing results of trtllm-bench of several files: logs, JSON reports, and files that belong to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runner.archive.import_results import ORIGINALS, import_files
from runner.cli.main import main
from runner.history.reader import read_entries
from runner.util.errors import UserError
from tests.support.bench_results import (
    imported,
    json_report,
    new_report,
    old_report,
    request_file,
    values,
    written,
)
from tests.support.paths import DATA


def test_log_report_requests_answers_and_iterations_are_one_run(tmp_path: Path) -> None:
    iteration = "{'iter': 1, 'iterLatencyMS': 2.5, 'numActiveRequests': 2, 'kvCacheStats': {'x': nan}}\n"
    found = imported(
        tmp_path,
        (2,),
        bench_log=new_report(),
        report_json=json_report(),
        requests_json=request_file(),
        answers_json='{"0": "nine", "1": "ten"}',
        iterations_log=iteration * 3,
    )
    (configuration,) = found.configurations
    assert configuration.concurrency == 2
    table = values(configuration)
    assert table["output_tokens_per_sec"] == pytest.approx(64)
    assert table["request_latency_p95_ms"] == pytest.approx(250), "of the requests, not of the report"
    assert table["ttft_ms"] == pytest.approx(1)
    assert table["mean_concurrency"] == pytest.approx(2)
    assert table["engine_iteration_ms"] == 2.5
    printed = {row.metric: row.printed for row in configuration.rows}
    assert printed["request_latency_p95_ms"] == "245.0"
    assert [said.answer for said in found.answers] == ["nine", "ten"]
    (flag,) = found.flags
    assert flag.startswith(
        "imported from bench.log, report.json, requests.json, answers.json, iterations.log: requests are"
        " those of its request file"
    )


def test_request_files_find_their_reports(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        (4, 1),
        a_json=json_report(500),
        b_json=json_report(2000),
        c_json=request_file(2000),
        d_json=request_file(500),
    )
    table = [values(one) for one in found.configurations]
    assert [one["request_latency_ms"] for one in table] == [pytest.approx(250), pytest.approx(1000)]
    assert [one.concurrency for one in found.configurations] == [4, 1]


def test_the_files_are_kept_and_the_run_is_one_like_others(tmp_path: Path) -> None:
    wall = 1_700_000_000
    for folder, text in (("a", json_report(500)), ("b", json_report(250))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "report.json").write_text(text)
        os.utime(tmp_path / folder / "report.json", (wall, wall))
    ((run_dir, _),) = import_files([tmp_path / "a" / "report.json", tmp_path / "b" / "report.json"], (1, 2))
    assert sorted(path.name for path in (run_dir / ORIGINALS).iterdir()) == ["1-report.json", "report.json"]
    (entry,) = read_entries()
    assert (entry.run_dir, entry.profile, entry.status) == (run_dir, "Llama-3.1-8B", "finished")
    assert entry.run.startswith("20231114T221320Z_Llama-3.1-8B_")


def test_files_of_both_tools_become_runs_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    static = DATA / "workflow-result.txt"
    (log,) = written(tmp_path, bench_log=old_report())
    assert main(["import", str(static), str(log)]) == 0
    said = capsys.readouterr()
    assert sorted(entry.engine for entry in read_entries()) == ["trtllm", "trtllm-bench"]
    assert len(said.err.splitlines()) == 2
    assert "257.84" in said.out
    assert "output tokens per second" in said.out


def test_nothing_is_written_when_one_of_the_engines_refuses(tmp_path: Path) -> None:
    files = written(tmp_path, r_json=request_file())
    with pytest.raises(UserError, match="no report of trtllm-bench"):
        import_files([DATA / "workflow-result.txt", *files])
    assert read_entries() == []


def test_it_is_compared_with_a_run_of_the_same_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, total in (("a", 500.0), ("b", 250.0)):
        imported(tmp_path, (2,), **{f"{name}_json": json_report(total)})
    names = [entry.run for entry in read_entries()]
    capsys.readouterr()
    assert main(["compare", *names]) == 0
    assert "concurrency 2 16→8" in capsys.readouterr().out


def test_a_file_is_taken_once(tmp_path: Path) -> None:
    paths: list[Any] = written(tmp_path, bench_log=old_report())
    assert len(import_files(paths * 2)) == 1
