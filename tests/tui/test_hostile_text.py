"""Whatever a name, a log or the user contains, a screen shows it as text: no markup, no control character."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from runner.cli.places import ComparePlace, DashboardPlace, HomePlace, LivePlace, ResultPlace, RunsPlace
from runner.history.run_feed import open_replay
from runner.util import paths
from tests.support import hostile, world
from tests.support.hostile import HIDDEN, TEXT
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.world import wait_until_idle
from tui.app import TrtbenchApp
from tui.framework.titles import set_subtitle, set_title
from tui.screens.dialogs.ask import AskScreen

SIZE = (120, 40)
MARKUP = ["[/", "[/]", "a[link=", "[rank=0", "[@click=app.quit]x[/]", "[red", "\\[", "[a=b"]


@pytest.fixture
def runs() -> tuple[Path, Path]:
    return hostile.write_runs()


def drawn(pilot: Pilot[Any]) -> str:
    """The text of the whole screen, with borders and notifications, as it goes to the terminal."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


def assert_clean(pilot: Pilot[Any]) -> None:
    assert not HIDDEN.search(drawn(pilot)), drawn(pilot)


async def wait_until_drawn(pilot: Pilot[Any], text: str, times: int = 1) -> None:
    """Until the text is on the screen at least so many times."""
    deadline = time.monotonic() + PATIENCE_S
    while drawn(pilot).count(text) < times:
        assert time.monotonic() < deadline, f"{text} is not drawn {times} times in\n{drawn(pilot)}"
        await pilot.pause(0.01)


def places(first: Path) -> Iterator[DashboardPlace]:
    yield ResultPlace(first)
    yield RunsPlace()
    yield HomePlace()
    yield ComparePlace((first.name, "19bc"))
    yield LivePlace(open_replay(first, 1e6))


@pytest.mark.parametrize("number", range(5))
async def test_every_screen_shows_hostile_text(number: int, runs: tuple[Path, Path]) -> None:
    app = TrtbenchApp(list(places(runs[0]))[number])
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await wait_until_idle(pilot)
        assert_clean(pilot)
        app.notify("<[/][@click=app.quit]\x9b\u202e>")
        await wait_until_drawn(pilot, "<[/][@click=app.quit]··>")
        assert_clean(pilot)


async def test_titles_are_not_markup() -> None:
    app = TrtbenchApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        pane = app.screen.query_one("#profiles")
        for text in MARKUP:
            set_title(pane, f"<{text}>")
            set_subtitle(pane, f"<{text}>")
            await wait_until_drawn(pilot, f"<{text}>", 2)


@pytest.mark.parametrize("place", [HomePlace(), RunsPlace()], ids=["home", "runs"])
async def test_filter_takes_markup_as_text(place: DashboardPlace) -> None:
    world.create_ended_run("0001", "quickstart", "finished", ago=10)
    app = TrtbenchApp(place)
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        for text in MARKUP:
            await pilot.press("slash", *text)
            await wait_until_drawn(pilot, f"filter: {text} ·")
            await pilot.press("escape")
            await wait_until_idle(pilot)


async def test_log_search_takes_markup_as_text() -> None:
    run_dir = hostile.recorder("p").write(paths.runs_dir())
    app = TrtbenchApp(LivePlace(open_replay(run_dir, 1e6)))
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        for text in MARKUP:
            await pilot.press("slash", *text)
            await wait_until_drawn(pilot, f"/{text}: ")
            await pilot.press("escape")
            await wait_until_idle(pilot)


async def test_rename_dialog_shows_a_hostile_name(runs: tuple[Path, Path]) -> None:
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        for key in ("t", "E", "e"):
            await pilot.press("end", key)
            await wait_until_idle(pilot)
            assert isinstance(app.screen, AskScreen), key
            app.screen.query_one(Input).value = TEXT
            await pilot.pause()
            assert_clean(pilot)
            await pilot.press("escape")
            await wait_until_idle(pilot)


def test_titles_are_set_by_one_module() -> None:
    """An assignment to a title, or a call of `escape`, would read a name as markup."""
    offenders = []
    for path in sorted((ROOT / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                named = node.attr in ("border_title", "border_subtitle", "tooltip")
                if named and path.name != "titles.py":
                    offenders.append(f"{path}:{node.lineno} {node.attr}")
            if isinstance(node, ast.ImportFrom) and node.module in ("textual.markup", "rich.markup"):
                offenders.append(f"{path}:{node.lineno} {node.module}")
    assert offenders == []
