"""How long it still takes: derived, or not said at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.plan.plan import Plan
from runner.report.eta import MOST_READ, eta, stage_times
from runner.run import layout
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorded_runs import SECOND, Recorder


def seen(
    run: Recorder, after_s: float = 0.0, usual: dict[str, float] | None = None
) -> tuple[float, bool] | None:
    state = RunState()
    state.apply_all(run.events)
    found = eta(state, run.plan(), run.t + round(after_s * SECOND), usual or {})
    return None if found is None else (round(found.seconds, 1), found.at_least)


def test_configurations_to_come_take_at_least_their_duration() -> None:
    left, at_least = seen(recorded_runs.under_way()) or (0, False)
    assert at_least
    assert left == pytest.approx(2 * 60 + 19.3, abs=4)


def test_the_last_configuration_is_known_better() -> None:
    run = recorded_runs.on_gpus(1, 1)
    left, at_least = seen(run) or (0, True)
    assert not at_least
    assert 0 < left < 60


def test_nothing_is_said_without_a_timed_iteration_or_a_duration() -> None:
    assert seen(recorded_runs.warming_up()) is None
    assert seen(recorded_runs.under_way(duration=0.0)) is None
    assert seen(recorded_runs.nothing_yet()) is None
    assert seen(recorded_runs.finished()) is None


def building() -> Recorder:
    run = Recorder(stage_names=("build", "benchmark"))
    run.begin()
    run.begin_stage("build", 1)
    return run


def test_a_stage_takes_as_long_as_it_did_before() -> None:
    assert seen(building(), 60) is None
    assert seen(building(), 60, {"build": 600}) is None, "how long the benchmark takes is not known"
    assert seen(building(), 60, {"build": 600, "benchmark": 100}) == (640.0, False)
    assert seen(building(), 700, {"build": 600, "benchmark": 100}) == (100.0, False)


def test_stage_times_come_from_finished_runs_that_did_the_same(tmp_path: Path) -> None:
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


def test_a_profile_that_always_fails_is_not_read_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = recorded_runs.failed()
    for number in range(MOST_READ + 5):
        failed.write(tmp_path, f"20260101T0000{number:02}Z_{failed.profile}_7f3a")
    read: list[Path] = []
    load_plan = layout.load_plan

    def counted(path: Path) -> Plan:
        read.append(path)
        return load_plan(path)

    monkeypatch.setattr(layout, "load_plan", counted)
    here = tmp_path / f"20260102T000000Z_{failed.profile}_7f3a"
    assert stage_times(here, failed.plan()) == {}
    assert len(read) == MOST_READ
