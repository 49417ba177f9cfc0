"""The progress of a sweep as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import events as ev
from runner.cli import sweep_narration
from runner.plan.plan import Stage
from runner.sweep.directory import LogWriter, MeasuredConfiguration, SweepBegun, SweepEnded, SweepRunEnded
from runner.sweep.spec import Slot
from runner.sweep.sweep_feed import SweepFeed
from runner.util import paths
from tests.support.runs import plan_of, record
from tests.support.sweeps import LARGE, SMALL, settled, started, sweep_of, written

RUN = "20260101T000000Z_tiny_0001"
SLOT = Slot(0, 0)


def narration_of(path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Lines on stderr about an interrupted sweep, without the times."""
    sweep_narration.follow(SweepFeed(path), as_json=False)
    return [line[10:] for line in capsys.readouterr().err.splitlines()]


def test_stages_of_current_run_show_why_one_is_skipped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SweepFeed, "now", lambda feed: 1e9)
    plan = plan_of(["x"])
    plan.stages.insert(0, Stage(name="convert", argv=["x"], cwd="/"))
    log: list[ev.Event] = [
        ev.RunStarted(t=1, run=RUN, schema=1, wall=1e9, host="h", boot_id="b", pid=1, cores=2, version="0"),
        ev.StageEnded(t=2, stage=0, name="convert", status="skipped", note="cached: /data/checkpoint"),
        ev.StageStarted(t=3, stage=1, name="build", ranks=1, pid=1),
    ]
    record(paths.runs_dir() / RUN, plan, log)
    lines = narration_of(written(sweep_of(1), SweepBegun(wall=1e9), started(SLOT, RUN, SMALL, LARGE)), capsys)
    assert lines[1] == "max_batch_size 1: run 0001"
    assert lines[2:4] == ["  stage convert skipped, cached: /data/checkpoint", "  stage build"]


def test_configurations_failing_alike_share_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    failed = [
        MeasuredConfiguration(configuration=one, outcome="failed", why="build: no GPU")
        for one in (SMALL, LARGE)
    ]
    entry = SweepRunEnded(wall=1e9, cell=0, repeat=0, run=RUN, seconds=1.0, measured=failed)
    path = written(sweep_of(1), SweepBegun(wall=1e9), started(SLOT, RUN, SMALL, LARGE), entry)
    assert narration_of(path, capsys)[2] == (
        "  max_batch_size 1, in/out 8/8, batch 1 and 1 more: failed (build: no GPU)"
    )


def test_entries_before_a_resume_keep_their_elapsed_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped = SweepEnded(wall=1020.0, status="stopped", why="a test")
    path = written(
        sweep_of(1),
        SweepBegun(wall=1000.0),
        stopped,
        SweepBegun(wall=5000.0),
        SweepEnded(wall=5005.0, status="finished"),
    )
    sweep_narration.follow(SweepFeed(path), as_json=False)
    times = [line.split()[0] for line in capsys.readouterr().err.splitlines()]
    assert times == ["0:00", "0:20", "0:20", "0:25"]


def test_entries_read_before_are_not_printed_again(capsys: pytest.CaptureFixture[str]) -> None:
    path = written(
        sweep_of(1), SweepBegun(wall=1000.0), SweepEnded(wall=1020.0, status="stopped", why="a test")
    )
    feed = SweepFeed(path)
    feed.drain()
    log = LogWriter(path)
    log.write(SweepBegun(wall=5000.0))
    log.write(SweepEnded(wall=5005.0, status="finished"))
    sweep_narration.follow(feed, as_json=False)
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["0:20", "0:25"]


def test_sweep_with_lost_runs_suggests_resume(capsys: pytest.CaptureFixture[str]) -> None:
    lost = settled(SLOT, RUN, small="done", large="lost")
    path = written(sweep_of(1), SweepBegun(wall=1e9), lost, SweepEnded(wall=1e9, status="finished"))
    sweep_narration.follow(SweepFeed(path), as_json=False)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"some of its runs were lost; `trtbench-tui sweeps resume {path.name[-4:]}` repeats them"
