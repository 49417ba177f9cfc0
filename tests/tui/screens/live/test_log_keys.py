"""Keys of the log on the live screen, and a log that takes more than one frame to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import events as ev
from runner.cli.places import LivePlace
from runner.history.run_feed import open_feed
from tests.support import recorded_runs
from tests.support.keyboard import press_at_once
from tests.tui.screens.live.support import SIZE, Cockpit, cockpit, settled
from tui.app import TrtbenchApp
from tui.framework.filter_input import FilterInput
from tui.screens.live.log_view import LogView
from tui.screens.live.screen import LiveScreen


def with_log(root: Path, lines: int = 100) -> Cockpit:
    run = recorded_runs.under_way()
    texts = [f"[TRT-LLM] [I] line {n}" for n in range(lines)]
    texts[50] = "[TRT-LLM] [E] line 50 HF_TOKEN=0123abcd"
    run.log = "".join(f"{text}\n" for text in texts)
    return cockpit(run, root)


def log_of(app: TrtbenchApp) -> LogView:
    return app.screen.query_one(LogView)


def lines_of(app: TrtbenchApp) -> list[str]:
    log = log_of(app)
    return [log.render_line(y).text.rstrip() for y in range(log.size.height)]


async def test_slash_searches_the_log_and_n_steps_through_matches(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"line 7")
        await pilot.pause()
        assert not app.screen.query_one("#footer").region, "the search input replaces it"
        assert log_of(app).border_subtitle == "/line 7: 11 of 11 · at 85 %, end follows"
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.query_one("#footer").region
        assert any("line 79" in line for line in lines_of(app))
        await pilot.press("N", "N", "n")
        assert str(log_of(app).border_subtitle).startswith("/line 7: 10 of 11")
        await pilot.press("escape")
        assert app.went == [], "it only ended the search"
        assert "/" not in str(log_of(app).border_subtitle)


async def test_fast_input_goes_into_the_search(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press_at_once(pilot, "l", "slash", *"/xqr 7")
        assert isinstance(app.screen, LiveScreen)
        assert app.went == []
        assert app.screen.query_one(FilterInput).value == "/xqr 7"


async def test_a_replay_shows_the_log_written_until_then(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.log = "".join(f"line {n}\n" for n in range(100))
    for lines in (3, 5):
        written = len("line 0\n") * lines
        reading = ev.Host(t=0, cpu_percent=1, memory_used=1, memory_total=9, load=1, log_bytes=written)
        run.add(reading, 1)
    feed = run.feed(tmp_path)
    feed.live = False
    later, feed.pending = feed.pending[-1:], feed.pending[:-1]
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert [line for line in lines_of(app) if line] == ["line 0", "line 1", "line 2"]
        feed.pending = later
        await settled(pilot)
        assert [line for line in lines_of(app) if line][-1] == "line 4"


async def test_escape_ends_the_search(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"line", "escape")
        await pilot.pause()
        assert log_of(app).window is not None
        assert log_of(app).window.search is None  # type: ignore[union-attr]
        assert not app.screen.query("#search")
        await pilot.press("slash")
        assert app.screen.query("#search")


async def test_f_cycles_through_the_levels(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("f")
        assert [line for line in lines_of(app) if line] == ["[TRT-LLM] [E] line 50 HF_TOKEN=(withheld)"]
        assert log_of(app).border_subtitle == "warnings and errors"
        await pilot.press("f")
        assert log_of(app).border_subtitle == "errors only"
        await pilot.press("f")
        assert log_of(app).border_subtitle == ""


async def test_home_and_end_scroll_the_log(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("home")
        assert lines_of(app)[0].endswith("line 0")
        await pilot.press("pagedown")
        assert lines_of(app)[0].endswith(f"line {len(lines_of(app)) - 1}")
        await pilot.press("end")
        assert lines_of(app)[-1].endswith("line 99")


def long_log(root: Path, *, ended: bool) -> Path:
    """Write a run of 8 ranks x 10 000 iterations."""
    run = recorded_runs.under_way(8, iterations=10_000)
    if ended:
        run.result(1)
        run.bye()
        run.end_stage(status="failed", code=1)
        run.end("failed")
    return run.write(root)


@pytest.mark.parametrize("ended", [False, True])
async def test_titles_and_log_of_a_long_run_are_shown(
    ended: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = long_log(tmp_path, ended=ended)
    monkeypatch.setattr(
        "runner.history.recovery.recover", lambda *_, **__: None
    )  # this test is the supervisor
    feed = open_feed(run_dir)
    app = TrtbenchApp(LivePlace(feed))
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, LiveScreen)
        assert screen.view is not None
        assert screen.view.header.reading is not None, "the first frame cannot read it all"
        while screen.view.header.reading is not None or feed.loaded < 1:
            await settled(pilot)
        await settled(pilot)
        assert str(screen.query_one("#plot").border_title).startswith("latency over time, ms")
        assert str(screen.query_one("#ranks").border_title).startswith("ranks")
        assert str(screen.query_one("#log").border_title) == "log  0-benchmark.log"
        assert lines_of(app)[2].endswith("Start benchmarking.")
        assert isinstance(app.screen, LiveScreen)
