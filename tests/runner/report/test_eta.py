"""The estimate of the remaining time of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import events as ev
from runner.plan.plan import Configuration, Plan
from runner.report.earlier_times import MAX_READ_RUNS, earlier_times
from runner.report.eta import EarlierTimes, estimate_time_left
from runner.run import layout
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorder import SECOND, Recorder


def seen(
    run: Recorder, after_s: float = 0.0, earlier: EarlierTimes | None = None
) -> tuple[float, bool] | None:
    state = RunState()
    state.apply_all(run.events)
    found = estimate_time_left(state, run.plan(), run.t + round(after_s * SECOND), earlier)
    return None if found is None else (round(found.seconds, 1), found.guessed)


def seconds(run: Recorder, after_s: float = 0.0, earlier: EarlierTimes | None = None) -> float:
    found = seen(run, after_s, earlier)
    assert found is not None
    return found[0]


def one(iterations: int, duration: float = 0.0) -> Recorder:
    """The only configuration, with iterations of 63 s."""
    run = Recorder(duration=duration)
    run.begin()
    run.begin_stage()
    run.hello()
    run.begin_configuration()
    run.iterate(2, "warmup", base_ms=63_000)
    run.iterate(iterations, base_ms=63_000)
    return run


def test_time_in_the_current_iteration_counts() -> None:
    left, guessed = seen(one(7)) or (0, True)
    assert left == pytest.approx(3 * 63, rel=0.01)
    assert not guessed
    assert seconds(one(7), 40) == pytest.approx(3 * 63 - 40, rel=0.01)
    assert seconds(one(7), 100) == pytest.approx(2 * 63, rel=0.01), (
        "a late iteration takes no more than its pace"
    )


def test_the_duration_is_reached_by_whole_iterations() -> None:
    assert seconds(one(7, duration=700)) == pytest.approx(5 * 63, rel=0.01)


def test_warm_up_gives_a_guess() -> None:
    left, guessed = seen(one(0)) or (0, False)
    assert left == pytest.approx(10 * 63 * 1.2, rel=0.02)
    assert guessed


def test_later_configurations_are_guessed_from_the_work() -> None:
    run = recorded_runs.under_way()  # batch 4 takes 6.3 s, batch 1 took 3.1 s: half a power of the work
    left, guessed = seen(run) or (0, False)
    assert guessed
    here, eight, sixteen = 3 * 6.3, 12 * 8.9, 12 * 12.6
    assert left == pytest.approx(here + eight + sixteen, rel=0.05)


def test_later_configurations_take_what_earlier_runs_took() -> None:
    run = recorded_runs.under_way()
    known = dict.fromkeys(run.configurations, 2000.0)
    # 3 iterations of 6.3 s, then twice a warm-up of 2 iterations and 30 iterations in 60 s
    assert seconds(run, earlier=EarlierTimes(latencies=known)) == pytest.approx(19.3 + 2 * 64, abs=1)


def test_the_first_configuration_takes_what_earlier_runs_took() -> None:
    run = Recorder(duration=0)
    run.begin()
    run.begin_stage()
    run.begin_configuration()
    assert seen(run) is None
    known = EarlierTimes(latencies={run.configurations[0]: 5000.0})
    assert seen(run, 20, known) == (12 * 5.0 - 20, True)


def test_there_is_no_estimate_before_and_after_a_run() -> None:
    assert seen(recorded_runs.not_started()) is None
    assert seen(recorded_runs.finished()) is None
    stopping = recorded_runs.under_way()
    stopping.add(ev.Stopping(t=0, by="a user"))
    assert seen(stopping) is None


def building() -> Recorder:
    run = Recorder(stage_names=("build", "benchmark"))
    run.begin()
    run.begin_stage("build", 1)
    return run


def test_stage_takes_as_long_as_in_earlier_runs() -> None:
    def after(at: float, **stages: float) -> tuple[float, bool] | None:
        return seen(building(), at, EarlierTimes(stages=stages))

    assert after(60) is None
    assert after(60, build=600) is None, "the time of the benchmark is unknown"
    assert after(60, build=600, benchmark=100) == (640.0, True)
    assert after(700, build=600, benchmark=100) == (100.0, True)


def test_times_come_from_equal_finished_runs(tmp_path: Path) -> None:
    name = "2026010{}T000000Z_{}_7f3a"
    profile = recorded_runs.finished().profile
    for day in (1, 2):
        recorded_runs.finished().write(tmp_path, name.format(day, profile))
    recorded_runs.failed().write(tmp_path, name.format(3, profile))
    other = recorded_runs.finished(configurations=2)
    other.write(tmp_path, name.format(4, profile))
    here = tmp_path / name.format(5, profile)
    times = earlier_times(here, recorded_runs.finished().plan())
    assert set(times.stages) == {"benchmark"}
    assert times.stages["benchmark"] > 100
    assert {shape.batch_size for shape in times.latencies} == {1, 4, 8, 16}
    assert times.latencies[Configuration(4, 64, 24)] == pytest.approx(6200, rel=0.01)
    assert earlier_times(here, other.plan()).stages["benchmark"] < times.stages["benchmark"]
    assert earlier_times(tmp_path / name.format(5, "p"), Recorder(profile="p").plan()) == EarlierTimes()


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
    assert earlier_times(here, failed.plan()) == EarlierTimes()
    assert len(read) == MAX_READ_RUNS
