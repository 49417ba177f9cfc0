"""Compatibility of `report.json` between versions."""

from __future__ import annotations

import json

import pytest

from runner import events as ev
from runner.history.reports import load_report
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.model import SCHEMA
from runner.run import layout
from runner.state.run import RunState
from tests.support.compared_runs import run, some


def test_report_of_an_older_version_is_readable() -> None:
    """Later fields are missing: intervals, GPUs, sweep, baseline."""
    run_dir = run({1: some()}, name="aaaa")
    stored = json.loads((run_dir / layout.REPORT).read_text())
    for name in ("gpus", "sweep", "baseline", "answers", "cause", "remedy", "log"):
        del stored[name]
    for row in stored["configurations"][0]["rows"]:
        for name in ("low", "high", "versus"):
            row.pop(name, None)
    (run_dir / layout.REPORT).write_text(json.dumps(stored))
    found = load_report(run_dir)
    assert found.schema == SCHEMA
    assert {row.low for row in found.configurations[0].rows} == {None}


def test_unknown_fields_are_ignored() -> None:
    run_dir = run({1: some()}, name="aaaa")
    stored = json.loads((run_dir / layout.REPORT).read_text())
    stored["new"] = {"field": 1}
    stored["configurations"][0]["rows"][0]["new"] = 1
    (run_dir / layout.REPORT).write_text(json.dumps(stored))
    (configuration,) = load_report(run_dir).configurations
    assert configuration.rows[0].value == pytest.approx(100, rel=0.05)


def test_intervals_are_stored_with_the_numbers() -> None:
    run_dir = run({1: some()}, name="aaaa")
    rows = {
        row["metric"]: row
        for row in json.loads((run_dir / layout.REPORT).read_text())["configurations"][0]["rows"]
    }
    latency = rows["latency_ms"]
    assert latency["low"] < latency["value"] < latency["high"]
    assert "high" not in rows["latency_p99_ms"], "40 iterations do not bound p99 from above"
    assert rows["latency_p99_ms"]["low"] < rows["latency_p99_ms"]["value"]


@pytest.mark.parametrize(
    ("devices", "gpu_hz", "flags"),
    [
        (["GPU-1"], 2.0, ["GPUs were not read: the NVIDIA driver is not loaded"]),
        (["cpu"], 2.0, []),
        (["GPU-1"], 0.0, []),
    ],
)
def test_run_on_gpus_without_readings_has_a_warning(
    devices: list[str], gpu_hz: float, flags: list[str]
) -> None:
    plan = Plan(engine="torch", profile="p", summary="", stages=[], devices=devices, gpu_hz=gpu_hz)
    state = RunState()
    reason = "the NVIDIA driver is not loaded; host load is shown instead"
    state.apply_all([ev.NoGpu(t=1, reason=reason), ev.RunEnded(t=2, status="finished", wall=0.0)])
    assert build_report(plan, state).flags == flags
