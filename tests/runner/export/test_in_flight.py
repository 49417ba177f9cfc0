"""Runs with requests in flight: their charts and their requests as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.cli.main import main
from tests.support import recorded_runs, recorder


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Two configurations, each with requests and iterations of the engine."""
    run = recorder.Recorder(ranks=1)
    run.begin()
    run.begin_stage()
    for index, concurrency in enumerate((2, 8)):
        start = ev.ConfigurationStarted(
            t=0, stage=0, index=index, batch_size=0, input_len=16, output_len=8, num_runs=0, duration=0.0,
            warm_up=0, requests=30, concurrency=concurrency,
        )  # fmt: skip
        run.add(start, 1)
        run.add(ev.Serving(t=0, stage=0, phase="timed", text="measures"))
        for i in range(60):
            run.add(ev.EngineIteration(t=0, stage=0, i=i, latency_ms=10.0 + i % 5, active=2, generating=2))
        latencies = [80.0 + i + 10 * index for i in range(30)]
        done = ev.Requests(
            t=0, stage=0, start_ms=[5.0 * i for i in range(30)], latency_ms=latencies,
            ttft_ms=[10.0] * 29 + [None], per_token_ms=[9.0] * 30, input_tokens=[16] * 30,
            output_tokens=[8] * 30,
        )  # fmt: skip
        run.add(done, 2)
    return run.write(tmp_path)


def test_requests_are_exported_one_per_line(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run_dir), "--requests"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["configuration"] for row in rows] == ["0"] * 30 + ["1"] * 30
    assert {row["concurrency"] for row in rows[30:]} == {"8"}
    assert [float(row["latency_ms"]) for row in rows[:30]] == [80.0 + i for i in range(30)]
    assert (rows[28]["ttft_ms"], rows[29]["ttft_ms"]) == ("10.0", "")


def test_page_draws_requests_and_engine_iterations(run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.html"
    assert main(["export", str(run_dir), "-o", str(out)]) == 0
    page = out.read_text()
    for index in (2, 8):
        name = f"concurrency {index} 16→8"
        for what in (
            "requests by latency",
            "requests by time to first token",
            "engine iteration time",
        ):
            assert f"{name}: {what}" in page
        assert f"{name}: engine iteration time, ms" in page
    assert "engine iteration 1 at 0:00: 10.000 ms" in page


def test_run_without_requests_prints_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = recorded_runs.finished(1).write(tmp_path)
    assert main(["export", str(run_dir), "--requests"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert captured.err.startswith("note: this run has no requests")
    assert main(["export", str(run_dir), "--requests", "--format", "json"]) == 2
    assert "json does not support requests; use --format csv" in capsys.readouterr().err


def test_spark_line_shows_engine_iterations(run_dir: Path) -> None:
    from runner.report.files import read_state
    from tui.plots.spark import spark_data

    made = spark_data(read_state(run_dir).configurations[0])
    assert (made.what, made.n, made.warmup) == ("engine iterations", 60, ())
    assert msgspec.to_builtins(made.points[0])["low"] == 10.0
