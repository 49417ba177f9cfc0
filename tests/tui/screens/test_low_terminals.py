"""Terminals of very few rows: each screen keeps a row of what it is for."""

from __future__ import annotations

from runner.cli.places import ComparePlace, HomePlace, RunsPlace, SweepPlace, TunePlace
from tests.support import tunings, world
from tests.support.compared_runs import run, some
from tests.support.world import wait_until_idle, widget_text
from tests.tui.screens.sweep.support import complete, drawn
from tui.app import TrtbenchApp

TINY = (40, 10)


async def test_the_runs_are_listed_in_five_rows() -> None:
    world.create_ended_run("aaaa", "quickstart", "failed", ago=60)
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(20, 5)) as pilot:
        await wait_until_idle(pilot)
        assert widget_text(app.screen, "#run-list").strip().startswith("✖ FAILED")
        await pilot.resize_terminal(80, 24)
        assert app.screen.query_one("#run-detail").region.height == 3


async def test_each_pane_of_home_has_the_room_when_it_has_the_focus() -> None:
    app = TrtbenchApp(HomePlace())
    async with app.run_test(size=(20, 5)) as pilot:
        await wait_until_idle(pilot)
        panes = []
        for _ in range(3):
            assert app.focused is not None
            panes.append((app.focused.id, app.focused.size.height))
            await pilot.press("tab")
            await wait_until_idle(pilot)
        assert panes == [("profile-list", 2), ("profile-form", 2), ("commands", 2)]


async def test_a_low_sweep_board_shows_its_numbers() -> None:
    app = TrtbenchApp(SweepPlace(complete()))
    async with app.run_test(size=TINY) as pilot:
        await drawn(pilot)
        assert "131.3" in widget_text(app.screen, "#matrix")
        await pilot.press("p")
        assert app.screen.query_one("#trades").region.height > 3


async def test_a_low_comparison_shows_its_table() -> None:
    run({1: some()}, name="aaaa")
    run({1: some(200.0)}, name="bbbb", second=1)
    app = TrtbenchApp(ComparePlace(("aaaa", "bbbb")))
    async with app.run_test(size=TINY) as pilot:
        await wait_until_idle(pilot)
        assert "▼ SLOWER" in widget_text(app.screen, "#change-list")


async def test_a_low_tuning_has_its_points_and_no_empty_frames() -> None:
    app = TrtbenchApp(TunePlace(tunings.fake().path))
    async with app.run_test(size=TINY) as pilot:
        await wait_until_idle(pilot)
        assert app.screen.query_one("#points").region.height >= 4
        assert not app.screen.query_one("#tune-lower").region
        await pilot.press("p")
        assert app.screen.query_one("#trades").region.height >= 4
