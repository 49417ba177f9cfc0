"""The health overlay of the live screen, and stalls of a run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support import recorded_runs, recorder
from tests.support.recorder import Recorder
from tests.support.simulated import latencies
from tests.tui.cockpit import text_of
from tests.tui.screens.live.support import SIZE, Cockpit, settled
from tui.framework.rows import Rows
from tui.screens.live.health_page import HealthScreen
from tui.screens.live.health_view import health_sections
from tui.screens.live.screen import LiveScreen
from tui.screens.live.view import make_live_view
from tui.screens.live.view_cache import LiveViewCache


async def test_d_opens_the_health_overlay_which_updates_itself(tmp_path: Path) -> None:
    feed = recorded_runs.under_way(8).feed(tmp_path)
    app = Cockpit(feed)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d")
        assert isinstance(app.screen, HealthScreen)
        assert "stalled" not in text_of(app.screen, "#help")
        assert "rank 7" in text_of(app.screen, "#help")
        feed.at += 90 * recorder.SECOND
        app.screen.reload()
        said = text_of(app.screen, "#help")
        assert "no iteration for 90 s, median 6.3 s" in said
        assert "last one 1:30 ago" in said
        await pilot.press("down")
        assert app.screen.query_one("#help", Rows).top == 1
        await pilot.press("d")
        assert isinstance(app.screen, LiveScreen)


def test_the_health_overlay_contains_the_warning_of_the_screen(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_configuration()
    for i in range(40):
        run.iterate(1, first=i, base_ms=6300.0 + 40 * i)
    feed = run.feed(tmp_path)
    feed.drain(1.0)
    (warning, *_) = make_live_view(feed).health.lines
    assert "the latency drifts by" in warning
    assert ("", warning) in dict(health_sections(feed, LiveViewCache()))["findings"]


def test_a_verdict_that_says_everything_is_said_once(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_configuration()
    for i, latency in enumerate(latencies(40, random.Random(1), mean=6300.0)):
        run.iterate(1, first=i, base_ms=latency)
    feed = run.feed(tmp_path)
    feed.drain(1.0)
    assert dict(health_sections(feed, LiveViewCache()))["steadiness"] == (("STEADY", ""),)


async def test_health_of_a_stall_has_the_stacks_of_the_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "bench01")
    monkeypatch.setattr("tui.screens.live.health_page.stack_reader", lambda: "py-spy")
    monkeypatch.setattr(
        "tui.screens.live.health_page.read_stacks",
        lambda pids, reader: {pid: ["Thread 1", f"all_reduce of {pid}"] for pid in pids},
    )
    app = Cockpit(recorded_runs.stalled().feed(tmp_path, after_s=1))
    async with app.run_test(size=(120, 100)) as pilot:
        await pilot.press("d")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "all_reduce of 4304" in text_of(app.screen, "#help")


def test_health_of_an_ended_run_counts_to_its_end(tmp_path: Path) -> None:
    feed = recorded_runs.stopped().feed(tmp_path, after_s=48 * 60)
    feed.drain(1.0)
    lines = dict(dict(health_sections(feed, LiveViewCache()))["ranks"])
    assert lines["rank 0"].startswith("7 iterations, last one 0:03 before the end")


async def test_a_stall_does_not_move_the_panels(tmp_path: Path) -> None:
    feed = recorded_runs.under_way(8).feed(tmp_path)
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        before = {widget.id: widget.region for widget in app.screen.query(Rows)}
        feed.at += 90 * recorder.SECOND
        await settled(pilot)
        assert "no iteration for 90 s" in text_of(app.screen, "#health")
        assert {widget.id: widget.region for widget in app.screen.query(Rows)} == before
