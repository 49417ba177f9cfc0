"""What every screen shares, as it looks: themes, palette, help; and the home screen with unusual names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from runner.cli.places import HomePlace
from runner.util.themes import THEME_NAMES
from tests.support import world
from tests.support.slow import first_of
from tui.app import TrtbenchApp

Snap = Callable[..., bool]
SIZES = pytest.mark.parametrize("size", first_of(world.SIZES, 2), ids=world.size_id)
QUICKSTART = world.BUILT_IN["quickstart"]


def named(name: str, description: str) -> str:
    return QUICKSTART.replace("name: quickstart", f"name: {name}").replace(
        "description: a first look on any machine", f"description: {description}"
    )


def used() -> None:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    world.write_user_profile("mine", named("mine", "用于测量延迟的小型解码器，两个进程"))
    world.write_user_profile("x" * 64, named("x" * 64, "a name as long as it may be"))


def home(theme: str = "dark") -> TrtbenchApp:
    app = TrtbenchApp(HomePlace())
    app.theme = theme
    return app


@pytest.mark.parametrize("theme", [name for name in THEME_NAMES if name != "dark"])
def test_picture_of_a_theme(theme: str, snap_compare: Snap) -> None:
    used()
    assert snap_compare(home(theme), terminal_size=(120, 40), run_before=world.wait_until_idle)


@SIZES
def test_picture_of_unusual_names(size: tuple[int, int], snap_compare: Snap) -> None:
    used()
    assert snap_compare(home(), terminal_size=size, run_before=world.wait_until_idle)


def test_picture_in_ascii(snap_compare: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRTBENCH_ASCII", "1")
    used()
    assert snap_compare(home(), terminal_size=(120, 40), run_before=world.wait_until_idle)


@SIZES
def test_picture_of_the_palette(size: tuple[int, int], snap_compare: Snap) -> None:
    used()
    assert snap_compare(home(), terminal_size=size, run_before=world.wait_until_idle, press=["ctrl+p"])


def test_picture_of_the_palette_without_colour(snap_compare: Snap) -> None:
    used()
    app = home("monochrome")

    async def choose(pilot: Pilot[int]) -> None:
        await world.wait_until_idle(pilot)
        await pilot.press("ctrl+p")
        listed = app.screen.query_one(OptionList)
        while listed.highlighted is None:
            await pilot.pause()
        await world.wait_until_idle(pilot)
        await pilot.press("down")
        while listed.highlighted != 1:
            await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=choose)


@SIZES
def test_picture_of_the_help(size: tuple[int, int], snap_compare: Snap) -> None:
    used()
    keys = ["question_mark", "pagedown"]
    assert snap_compare(home(), terminal_size=size, run_before=world.wait_until_idle, press=keys)


@pytest.mark.parametrize("size", world.SMALL_SIZES, ids=world.size_id)
def test_picture_of_the_import(size: tuple[int, int], snap_compare: Snap) -> None:
    used()
    assert snap_compare(
        home(), terminal_size=size, run_before=world.wait_until_idle, press=["i", "/", "0", "q"]
    )
