"""A benchmark that stands still: when that is said, and what is suggested."""

from __future__ import annotations

import pytest

from runner import events as ev
from runner.cli.narration import RunNarrator
from runner.metrics.stall import Stall, find_stall
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorder import SECOND, Recorder

AFTER = 41


def state_of(run: Recorder) -> RunState:
    state = RunState()
    state.apply_all(run.events)
    return state


def short(ranks: int = 2) -> Recorder:
    """Iterations of 1.2 s."""
    run = recorded_runs.under_way(ranks, iterations=0)
    run.iterate(6, "timed", 1, base_ms=1200)
    return run


def seen(run: Recorder, after_s: float = AFTER) -> Stall | None:
    return find_stall(state_of(run), run.t + round(after_s * SECOND))


def beat(run: Recorder, *ranks: tuple[str, float]) -> None:
    """What the processes of the ranks did, 40 s into the silence."""
    found = tuple(
        ev.RankProcess(rank=rank, state=state, cpu_percent=cpu) for rank, (state, cpu) in enumerate(ranks)
    )
    cpu = sum(cpu for _, cpu in ranks)
    run.add(ev.Heartbeat(t=0, stage=0, silent_s=40, cpu_percent=cpu, processes=len(ranks), ranks=found), 40)


def suggestion(run: Recorder) -> str:
    stall = seen(run, 1)
    assert stall is not None
    return stall.suggestion


def test_stall_is_reported_after_ten_medians_and_ten_seconds() -> None:
    assert seen(short(), 11.9) is None
    stall = seen(short())
    assert stall is not None
    assert stall.sentence == "no iteration for 41 s, median 1.2 s"
    slow = recorded_runs.under_way()  # 6.3 s an iteration
    assert seen(slow, 60) is None
    assert seen(slow, 64) is not None


def test_short_iterations_wait_for_ten_seconds() -> None:
    run = recorded_runs.under_way(iterations=0)
    run.iterate(5, "timed", 1, base_ms=6)
    assert seen(run, 9) is None
    assert seen(run, 11) is not None


def test_warm_up_is_compared_with_itself() -> None:
    run = recorded_runs.warming_up()  # one iteration of 8 s
    assert seen(run, 70) is None
    assert seen(run, 90) is not None


@pytest.mark.parametrize(
    "make",
    [
        recorded_runs.not_started,
        recorded_runs.queued,
        recorded_runs.finished,
        recorded_runs.failed,
        recorded_runs.stopped,
    ],
)
def test_what_has_not_begun_or_has_ended_does_not_stall(make: object) -> None:
    assert callable(make)
    assert seen(make(), 3600) is None


def test_complete_configuration_does_not_stall() -> None:
    run = recorded_runs.under_way(iterations=0)
    run.iterate(10, "timed", 1, base_ms=6300)
    assert seen(run, 3600) is None


def test_the_rank_that_is_behind_is_named() -> None:
    run = short(4)
    last = run.events[-3:-1]
    run.events = [event for event in run.events if event not in last]
    stall = seen(run)
    assert stall is not None
    assert [rank.behind for rank in stall.ranks] == [0, 1, 1, 0]
    assert stall.suggestion.startswith("ranks 1, 2 are behind")


@pytest.mark.parametrize(
    ("ranks", "words"),
    [
        ([("S", 0.1), ("-", 0.0)], "rank 1 is gone"),
        ([("T", 0.0), ("S", 0.0)], "kill -CONT 4301"),
        ([("R", 99.0), ("D", 0.0)], "rank 1 is waiting for a disk or driver"),
        ([("S", 0.1), ("S", 0.0)], "every rank sleeps and nothing computes"),
        ([("R", 99.0), ("R", 100.0)], "the ranks use their processors"),
        ([], "see the end of the log"),
    ],
)
def test_what_the_processes_do_decides_what_is_suggested(ranks: list[tuple[str, float]], words: str) -> None:
    run = short()
    beat(run, *ranks)
    assert words in suggestion(run)


def test_busy_and_idle_gpus_are_distinguished() -> None:
    run = recorded_runs.on_gpus(2, 2)
    beat(run, ("S", 0.1), ("S", 0.1))
    run.add(ev.Notice(t=0, level="info", text="later"), 60)
    assert "the GPUs are busy" in suggestion(run)
    stall = seen(run, 1)
    assert stall is not None
    assert [gpu.name for gpu in stall.gpus] == ["GPU 0", "GPU 1"]


def test_the_figures_that_decided_are_printed_and_agree() -> None:
    run = recorded_runs.on_gpus(2, 2)
    beat(run, ("S", 0.1), ("S", 2.0))
    run.read_gpus(1, busy=97)
    for _ in range(20):
        run.t += SECOND // 2
        run.read_gpus(1, busy=0)
    run.t += 30 * SECOND
    found = suggestion(run)
    assert "every rank sleeps" in found
    assert found.endswith("(ranks use 0 to 2 % CPU, GPUs are 0 % busy)")
    busy = recorded_runs.on_gpus(2, 2)
    beat(busy, ("S", 0.1), ("S", 2.0))
    busy.read_gpus(1, busy=30)
    busy.t += 30 * SECOND
    assert "every rank sleeps" not in suggestion(busy), "a GPU computes"


def test_output_silence_counts_from_the_last_heartbeat() -> None:
    run = short()
    beat(run, ("S", 0.0), ("S", 0.0))
    stall = seen(run, 3)
    assert stall is not None
    assert stall.output_silent_s == 43


def test_headless_reports_stall_and_recovery_once(capsys: pytest.CaptureFixture[str]) -> None:
    run = short()
    state, narrator = state_of(run), RunNarrator()
    for after in (1, 20, 41, 60):
        narrator.on_tick(state, run.t + after * SECOND)
    run.t += 61 * SECOND
    run.iterate(1, "timed", 1, base_ms=1200, first=6)
    narrator.on_tick(state_of(run), run.t)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "warning: no iteration for 20 s, median 1.2 s: " in told[0]
    assert told[1].endswith("the run continues")
