"""Every key of the result screen, and every kind of run it can be opened on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from tests.tui import runs
from tests.tui.runs import Recorder
from tui.app import Result, TrtbenchApp
from tui.screens.help import HelpScreen
from tui.screens.log import LogScreen
from tui.screens.result import ResultScreen
from tui.widgets.rows import Rows, row_text

SIZE = (120, 40)


class Cockpit(TrtbenchApp):
    def __init__(self, run_dir: Path) -> None:
        super().__init__(Result(run_dir))
        self.went: list[str] = []

    def open_home(self) -> None:
        self.went.append("home")

    def open_runs(self) -> None:
        self.went.append("runs")

    def back(self) -> None:
        self.went.append("back")


def text_of(screen: Screen[Any], name: str) -> str:
    return "\n".join(row_text(row) for row in screen.query_one(name, Rows)._rows)


def result(app: Cockpit) -> ResultScreen:
    assert isinstance(app.screen, ResultScreen)
    return app.screen


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (runs.finished, "FINISHED"),
        (runs.failed, "FAILED"),
        (runs.stopped, "STOPPED"),
        (runs.lost, "LOST"),
        (runs.queued, "QUEUED"),
        (runs.warming_up, "RUNNING"),
        (runs.nothing_yet, "STARTING"),
        (runs.long_names, "RUNNING"),
        (runs.chinese, "RUNNING"),
    ],
)
async def test_it_draws_every_run(make: Callable[[], Recorder], state: str, tmp_path: Path) -> None:
    app = Cockpit(make().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert state in text_of(app.screen, "#header")
        await pilot.press("down", "right", "u", "y", "question_mark", "escape", "up", "left")
        assert isinstance(app.screen, ResultScreen)


async def test_a_directory_that_is_no_run_is_said(tmp_path: Path) -> None:
    app = Cockpit(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert "not a run directory" in text_of(app.screen, "#failure")
        await pilot.press("down", "right", "u", "y", "l", "question_mark", "escape", "r", "h", "q")
    assert app.went == ["runs", "home"]
    assert app.return_value == 0


async def test_arrows_choose_a_metric_and_a_configuration(tmp_path: Path) -> None:
    app = Cockpit(runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        screen = result(app)
        await pilot.press("down", "j", "right")
        assert (screen.table.chosen, screen.table.column) == (2, 1)
        assert "needs 20" in text_of(screen, "#detail")
        await pilot.press("k", "up", "up", "left", "left")
        assert (screen.table.chosen, screen.table.column) == (0, 0)


async def test_the_chosen_metric_stays_in_view(tmp_path: Path) -> None:
    app = Cockpit(runs.finished().write(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = result(app)
        table = screen.query_one("#table", Rows)
        for key in ["down"] * 30 + ["up"] * 30:
            await pilot.press(key)
            assert table.cursor is not None
            assert table.top <= table.cursor < table.top + table.size.height
        assert table.top == 0, "the first heading is in view again"


async def test_u_shows_what_the_engine_printed(tmp_path: Path) -> None:
    app = Cockpit(runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        assert "3098.760" not in text_of(app.screen, "#table")
        await pilot.press("u")
        assert "3098.760" in text_of(app.screen, "#table")


async def test_question_mark_explains_the_chosen_number(tmp_path: Path) -> None:
    app = Cockpit(runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app.screen, "#help")
        for word in ("sum of latencies", "timed iterations of rank 0", "3 098.760 ms", "latency(ms)"):
            assert word in shown


async def test_y_copies_the_table_as_markdown(tmp_path: Path) -> None:
    app = Cockpit(runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("y")
        assert app.clipboard.startswith("**qwen2.5-32b-fp16-tp8**")
        assert "| latency, mean" in app.clipboard


async def test_l_shows_the_log_with_the_cause(tmp_path: Path) -> None:
    app = Cockpit(runs.failed().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        assert runs.CAUSE in text_of(app.screen, "#failure")
        await pilot.press("l")
        assert isinstance(app.screen, LogScreen)
        assert "MemoryError: 14.2 GiB" in text_of(app.screen, "#log")
        await pilot.press("l")
        assert isinstance(app.screen, ResultScreen)


async def test_a_run_without_a_log_says_so(tmp_path: Path) -> None:
    app = Cockpit(runs.queued().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("l")
        assert isinstance(app.screen, ResultScreen)
        assert [notice.message for notice in app._notifications] == ["this run has no log"]


async def test_flags_come_first_and_are_not_drawn_when_there_are_none(tmp_path: Path) -> None:
    app = Cockpit(runs.finished().write(tmp_path / "a"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        flags, table = app.screen.query_one("#flags"), app.screen.query_one("#table")
        assert flags.region.y < table.region.y
    app = Cockpit(runs.finished(1, iterations=100).write(tmp_path / "b"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert not app.screen.query_one("#flags").display


async def test_r_h_escape_and_q(tmp_path: Path) -> None:
    app = Cockpit(runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("r", "h", "escape", "q")
    assert app.went == ["runs", "home", "back"]
    assert app.return_value == 0
