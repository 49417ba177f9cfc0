"""Colours: who chooses them, that the choice is remembered, and that monochrome is really without any."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from rich.color import ColorSystem, ColorType
from rich.style import Style
from textual.pilot import Pilot

from runner.cli.main import build_parser
from runner.cli.places import RunsPlace
from runner.profile import settings
from runner.state.run import LiveStatus
from runner.util import paths
from runner.util.errors import UserError
from runner.util.themes import THEME_NAMES, ThemeName
from tests.support import world
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.terminal import Terminal
from tests.support.world import wait_until_idle
from tui.app import TrtbenchApp
from tui.theme import THEMES, select_theme


def test_every_theme_name_has_its_theme() -> None:
    assert get_args(ThemeName) == THEME_NAMES
    assert tuple(theme.name for theme in THEMES) == THEME_NAMES


def test_a_theme_for_one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--theme` before or after the name of the command."""
    monkeypatch.delenv("TRTBENCH_THEME", raising=False)
    for argv in (["--theme", "light", "ls"], ["attach", "last", "--theme", "light"]):
        assert build_parser().parse_args(argv).theme == "light"
    assert not hasattr(build_parser().parse_args(["attach", "last"]), "theme")


@pytest.mark.parametrize(
    ("environ", "remembered", "expected"),
    [
        ({}, None, "dark"),
        ({}, "light", "light"),
        ({"NO_COLOR": "1"}, "light", "monochrome"),
        ({"NO_COLOR": ""}, None, "dark"),
        ({"TRTBENCH_THEME": "high-contrast", "NO_COLOR": "1"}, "light", "high-contrast"),
        ({"TEXTUAL_THEME": "nord"}, None, None),
        ({"TEXTUAL_THEME": "nord", "TRTBENCH_THEME": "light"}, None, "light"),
    ],
)
def test_who_chooses_the_theme(environ: dict[str, str], remembered: str | None, expected: str | None) -> None:
    assert select_theme(environ, remembered) == expected


def test_a_theme_that_is_none_is_one_sentence() -> None:
    with pytest.raises(UserError, match="allowed: dark, light, high-contrast, monochrome"):
        select_theme({"TRTBENCH_THEME": "pink"}, None)


async def test_ctrl_t_cycles_the_themes_and_stores_the_last() -> None:
    app = TrtbenchApp(RunsPlace())
    async with app.run_test() as pilot:
        seen = [app.theme]
        for _ in THEME_NAMES:
            await pilot.press("ctrl+t")
            await pilot.pause()
            seen.append(app.theme)
        assert seen == [*THEME_NAMES, THEME_NAMES[0]]
        await pilot.press("ctrl+t")
        await pilot.pause()
    assert settings.load().theme == "light"
    assert TrtbenchApp(RunsPlace()).theme == "light"


async def test_settings_with_a_mistake_are_told_and_left_alone() -> None:
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text("theme: blue\n")
    app = TrtbenchApp(RunsPlace())
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.theme == "dark"
        assert 'theme: the text "blue" is not allowed' in told(pilot)[0]
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert app.theme == "light"
        assert any(said.startswith("cannot store the theme in the settings: ") for said in told(pilot))
    assert path.read_text() == "theme: blue\n"


def told(pilot: Pilot[int]) -> list[str]:
    return [notification.message for notification in pilot.app._notifications]


async def test_no_cell_has_a_colour_in_monochrome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.notify("a notification", severity="error")
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert colours_of(app) == {ColorType.DEFAULT}
    assert os.environ["NO_COLOR"] == "1", "programs that are started from here still see it"


@pytest.mark.parametrize(("theme", "error", "warning"), [("dark", 9, 11), ("light", 1, 5)])
async def test_with_16_colours_warnings_are_not_red(
    theme: str, error: int, warning: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLORTERM", "")
    monkeypatch.setenv("TRTBENCH_THEME", theme)
    ended: tuple[LiveStatus, ...] = ("finished", "failed", "stopped")
    for number, status in enumerate(ended):
        world.create_ended_run(status[:4], "quickstart", status, ago=100 + number)
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until_idle(pilot)
        segments = list(segments_of(app))
    drawn = {text.strip(): style for text, style in segments}
    colours = {text: drawn[text].color for text in ("✖ FAILED", "■ STOPPED")}
    numbers = [colour.downgrade(ColorSystem.STANDARD).number for colour in colours.values() if colour]
    assert numbers == [error, warning]
    assert drawn["✔ FINISHED"].reverse, "the row under the cursor"
    assert len({style.color for _, style in segments if style.reverse}) == 1


def segments_of(app: TrtbenchApp) -> Iterator[tuple[str, Style]]:
    """The texts of the screen as they are sent to the terminal."""
    update = app.screen._compositor.render_full_update()
    return ((part.text, part.style or Style()) for line in update.strips for strip in line for part in strip)


def colours_of(app: TrtbenchApp) -> set[ColorType]:
    """The kinds of colour in all cells as they are sent to the terminal."""
    return {
        colour.type
        for _, style in segments_of(app)
        for colour in (style.color, style.bgcolor)
        if colour is not None
    }


COLOUR = re.compile(rb"\x1b\[[0-9;]*?(?<![0-9])(3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")


def test_the_terminal_gets_no_colour_with_no_color(tmp_path: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-c", "import sys; from tui.main import main; sys.exit(main([]))"],
        env={"NO_COLOR": "1", "PYTHONPATH": str(ROOT), "TRTBENCH_HOME": str(tmp_path)},
    )
    output = b""
    try:
        for _, data in terminal.chunks(PATIENCE_S):
            output += data
            if b"num_runs" in output:
                break
        terminal.send(b"q")
        assert terminal.wait() == 0
    finally:
        terminal.close()
    assert b"\x1b[1" in output, "bold is no colour, and is there"
    assert COLOUR.findall(output) == []
