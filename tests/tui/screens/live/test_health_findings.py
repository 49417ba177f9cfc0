"""What the live screen reports as a problem, and in which order."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner import events as ev
from tests.support import recorded_runs
from tests.tui.screens.live.support import drained, view_of
from tui.screens.live.health_findings import find_problems
from tui.screens.live.view import make_live_view


def test_health_shows_the_worst_problem_and_counts_the_others(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(8, 8, hot=6)
    view = view_of(run, tmp_path / "a")
    assert view.health.lines == ("GPU 6: throttled by hw thermal, 89 °C",)
    run.add(ev.Notice(t=0, level="warning", text="something else"))
    assert view_of(run, tmp_path / "b").health.lines[0].endswith("(and 1 more: d)")
    stall = view_of(run, tmp_path / "c", after_s=120).health
    assert stall.kind == "bad"
    assert stall.lines[0].startswith("no iteration for 120 s, median 6.3 s   d: why?")


def test_live_problems_are_grouped_and_ordered_by_their_effect(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(8, 8)
    run.add(ev.Notice(t=0, level="warning", text="a notice"))
    for hot in range(8):
        run.read_gpus(1, hot=hot)
    sample = run.events[-1]
    assert isinstance(sample, ev.GpuSamples)
    every = {"hw thermal": [500_000] * 8}
    run.events[-1] = msgspec.structs.replace(sample, throttled_us=every)
    run.starve()
    feed = drained(run, tmp_path)
    texts = [text for _, text in find_problems(feed.state, None, (), None)]
    assert [text.partition(":")[0] for text in texts] == ["CPU overloaded", "GPUs 0-7", "a notice"]


def test_a_stopped_rank_process_is_reported_before_a_stall(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    ranks = tuple(ev.RankProcess(rank=rank, state="RT"[rank], cpu_percent=0) for rank in range(2))
    run.add(ev.Heartbeat(t=0, stage=0, silent_s=6, cpu_percent=0, processes=2, ranks=ranks), 6)
    health = view_of(run, tmp_path).health
    assert (health.kind, health.lines) == ("bad", ("rank 1 is stopped by a signal",))


def test_an_unused_hot_gpu_is_no_problem(tmp_path: Path) -> None:
    lines = view_of(recorded_runs.on_gpus(8, 2, hot=6), tmp_path).health.lines
    assert lines == ("no problems detected so far",)


def test_a_much_slower_rank_is_reported(tmp_path: Path) -> None:
    assert view_of(recorded_runs.under_way(64), tmp_path).health.lines == (
        "rank 63 is 3.1 % slower than the fastest",
    )


def test_health_severity_in_every_run_state(tmp_path: Path) -> None:
    kinds = {
        name: view_of(getattr(recorded_runs, name)(), tmp_path / name).health.kind
        for name in ("not_started", "under_way", "finished", "failed", "stopped", "lost")
    }
    assert kinds == {
        "not_started": "quiet",
        "under_way": "quiet",
        "finished": "good",
        "failed": "bad",
        "stopped": "warn",
        "lost": "bad",
    }


def test_a_deleted_directory_comes_before_all_other_problems(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path)
    feed.gone = True
    view = make_live_view(feed)
    assert "deleted" in view.health.lines[0]
    assert not view.can_stop
    assert view.numbers.n == 7


def test_silence_is_shown_only_if_it_lasts(tmp_path: Path) -> None:
    assert view_of(recorded_runs.under_way(), tmp_path / "a", after_s=1).note == ""
    assert view_of(recorded_runs.under_way(), tmp_path / "b", after_s=75).note == "last event 1:15 ago"
    assert view_of(recorded_runs.finished(), tmp_path / "c", after_s=75).note == ""
