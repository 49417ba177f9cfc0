"""The estimate of the remaining time of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.plan.plan import Plan
from runner.report.eta import MAX_READ_RUNS, estimate_time_left, stage_times
from runner.run import layout
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorded_runs import SECOND, Recorder


def seen(
    run: Recorder, after_s: float = 0.0, usual: dict[str, float] | None = None
) -> tuple[float, bool] | None:
    state = RunState()
    state.apply_all(run.events)
    found = estimate_time_left(state, run.plan(), run.t + round(after_s * SECOND), usual or {})
    return None if found is None else (round(found.seconds, 1), found.at_least)


def test_later_configurations_count_with_their_duration() -> None:
    left, at_least = seen(recorded_runs.under_way()) or (0, False)
    assert at_least
    assert left == pytest.approx(2 * 60 + 19.3, abs=4)


def test_last_configuration_has_an_exact_estimate() -> None:
    run = recorded_runs.on_gpus(1, 1)
    left, at_least = seen(run) or (0, True)
    assert not at_least
    assert 0 < left < 60


def test_no_estimate_without_timed_iteration_or_duration() -> None:
    assert seen(recorded_runs.warming_up()) is None
    assert seen(recorded_runs.under_way(duration=0.0)) is None
    assert seen(recorded_runs.not_started()) is None
    assert seen(recorded_runs.finished()) is None


def building() -> Recorder:
    run = Recorder(stage_names=("build", "benchmark"))
    run.begin()
    run.begin_stage("build", 1)
    return run


def test_stage_takes_as_long_as_in_earlier_runs() -> None:
    assert seen(building(), 60) is None
    assert seen(building(), 60, {"build": 600}) is None, "the time of the benchmark is unknown"
    assert seen(building(), 60, {"build": 600, "benchmark": 100}) == (640.0, False)
    assert seen(building(), 700, {"build": 600, "benchmark": 100}) == (100.0, False)


def test_stage_times_come_from_equal_finished_runs(tmp_path: Path) -> None:
    name = "2026010{}T000000Z_{}_7f3a"
    profile = recorded_runs.finished().profile
    for day in (1, 2):
        recorded_runs.finished().write(tmp_path, name.format(day, profile))
    recorded_runs.failed().write(tmp_path, name.format(3, profile))
    other = recorded_runs.finished(configurations=2)
    other.write(tmp_path, name.format(4, profile))
    here = tmp_path / name.format(5, profile)
    times = stage_times(here, recorded_runs.finished().plan())
    assert set(times) == {"benchmark"}
    assert times["benchmark"] > 100
    assert stage_times(here, other.plan())["benchmark"] < times["benchmark"]
    assert stage_times(tmp_path / name.format(5, "p"), Recorder(profile="p").plan()) == {}


def test_number_of_runs_read_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = recorded_runs.failed()
    for number in range(MAX_READ_RUNS + 5):
        failed.write(tmp_path, f"20260101T0000{number:02}Z_{failed.profile}_7f3a")
    read: list[Path] = []
    load_plan = layout.load_plan

    def counted(path: Path) -> Plan:
        read.append(path)
        return load_plan(path)

    monkeypatch.setattr(layout, "load_plan", counted)
    here = tmp_path / f"20260102T000000Z_{failed.profile}_7f3a"
    assert stage_times(here, failed.plan()) == {}
    assert len(read) == MAX_READ_RUNS
