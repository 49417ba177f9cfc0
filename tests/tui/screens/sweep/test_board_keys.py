"""The keys of the sweep screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli.places import SweepPlace
from runner.history.lookup import find_run
from runner.run import layout
from runner.sweep import control
from runner.sweep.spec import Slot
from tests.support.world import (
    SIZES,
    RecordingApp,
    notifications,
    wait_until_idle,
    widget_text,
)
from tests.tui.screens.sweep.support import (
    board,
    complete,
    drawn,
    half_way,
    measured,
    nothing_yet,
    one_axis,
    run_of,
    the_sweep,
)
from tui.screens.dialogs.confirm import STOPPED_BY
from tui.screens.dialogs.help import HelpScreen
from tui.screens.sweep.screen import BoardScreen

pytestmark = pytest.mark.usefixtures("still_clock")


async def test_arrows_select_a_cell_and_enter_opens_its_run() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("down", "right", "right")
        view = board(app).view
        assert view is not None
        assert (view.row, view.column) == (1, 2)
        assert "tp 2 · dtype float16 · in/out 128/128 · batch 32" in widget_text(app.screen, "#point")
        await pilot.press("enter", "1", "2", "3")
    second, first = run_of(Slot(2, 1)), run_of(Slot(2, 0))
    assert [place for place in app.went if place != "away"] == [
        ("result", find_run(run)) for run in (second, first, second)
    ]
    assert notifications(pilot) == ["no run of repeat 3 for this cell"]


async def test_enter_on_a_running_cell_opens_the_live_screen(with_locks: Callable[[Path], Path]) -> None:
    app = RecordingApp(SweepPlace(with_locks(half_way())))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("tab", "tab", "down", "right", "enter")
    assert app.went == [("live", find_run(run_of(Slot(3, 0))))]


async def test_m_switches_the_metric_and_t_keeps_the_selected_cell() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("m")
        assert str(app.screen.query_one("#matrix-frame").border_title).startswith("latency, ms by batch")
        await pilot.press("down", "right", "tab")
        before = board(app).view
        assert before is not None
        assert before.point is not None
        for _ in range(12):
            await pilot.press("A")
            after = board(app).view
            assert after is not None
            assert after.point == before.point
        await pilot.press("shift+tab")
        assert board(app).view != before


async def test_x_asks_for_confirmation_and_stops_the_sweep(with_locks: Callable[[Path], Path]) -> None:
    path = with_locks(half_way())
    app = RecordingApp(SweepPlace(path))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("x", "n")
        assert layout.read_stop_request(path) is None
        await pilot.press("x", "y")
        assert layout.read_stop_request(path) == STOPPED_BY


async def test_g_resumes_an_interrupted_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[Path, bool]] = []
    monkeypatch.setattr(control, "resume_sweep", lambda path, failed_too: asked.append((path, failed_too)))
    path = half_way()
    app = RecordingApp(SweepPlace(path))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        assert "INTERRUPTED" in widget_text(app.screen, "#header")
        await pilot.press("R")
        await wait_until_idle(pilot)
    assert asked == [(path, False)]


async def test_g_is_disabled_if_all_cells_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(control, "resume_sweep", lambda path, failed_too: asked.append(path))
    over = RecordingApp(SweepPlace(complete()))
    async with over.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        assert "resume" not in widget_text(over.screen, "#footer")
        await pilot.press("R")
    assert asked == []


async def test_marked_cells_are_compared_with_all_their_runs() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("c")
        assert notifications(pilot) == ["mark two or more measured cells with space to compare them"]
        await pilot.press("space", "down", "c")
        await pilot.press("space", "space", "c")
    sides = [tuple(",".join(run_of(Slot(cell, repeat)) for repeat in (0, 1)) for cell in (0, 2))] * 2
    assert app.went == [("compare", side) for side in sides]


async def test_an_ab_sweep_is_compared_without_marks() -> None:
    app = RecordingApp(SweepPlace(one_axis()))
    async with app.run_test(size=SIZES[0]) as pilot:
        await drawn(pilot)
        await pilot.press("c")
    sides = tuple(",".join(run_of(Slot(cell, repeat)) for repeat in range(3)) for cell in (0, 1))
    assert app.went == [("compare", sides)]


async def test_y_copies_the_board_as_markdown() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("C")
        lines = app.clipboard.splitlines()
    heads = [cell.strip() for cell in lines[2].split("|")[1:7]]
    assert heads == ["tp", "dtype", "in/out", "batch", "state", "tokens per second, tokens/s"]
    assert len([line for line in lines if line.startswith("|")]) == 2 + 48


async def test_help_plot_and_keys_that_leave_the_screen() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "p")
        assert not app.screen.query_one("#matrix-frame").display
        await pilot.press("escape")
        assert app.screen.query_one("#matrix-frame").display
        await pilot.press("r", "h", "q")
    assert app.went == ["runs", "home", "away"]


async def test_a_directory_without_a_sweep_is_reported(tmp_path: Path) -> None:
    app = RecordingApp(SweepPlace(tmp_path))
    async with app.run_test(size=SIZES[0]) as pilot:
        await drawn(pilot)
        assert "not a sweep" in " ".join(widget_text(app.screen, "#trades").split())
        await pilot.press("down", "right", "tab", "A", "m", "enter", "c", "R", "C", "q")
    assert app.went == ["away"]


async def test_progress_of_the_sweep_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.sweep.directory import LogWriter

    monkeypatch.setattr(BoardScreen, "poll_s", 0.05)
    path = nothing_yet()
    app = RecordingApp(SweepPlace(path))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        assert "0 of 80 measurements" in widget_text(app.screen, "#progress")
        log = LogWriter(path)
        for entry in measured(the_sweep(), Slot(0, 0)):
            log.write(entry)
        while "8 of 80 measurements" not in widget_text(app.screen, "#progress"):
            await pilot.pause(0.01)
        assert "✔" not in widget_text(app.screen, "#matrix"), "one of two repeats does not complete a cell"
        assert "◐" in widget_text(app.screen, "#matrix") or "★" in widget_text(app.screen, "#matrix")
