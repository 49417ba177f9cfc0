"""The reduced output leaves the same content on the terminal as the output of Textual."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import get_character_cell_size
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from runner.cli.places import HomePlace, LivePlace
from tests.support import recorded_runs
from tests.support.world import wait_until_idle
from tui.app import TrtbenchApp
from tui.framework.cell_diff import TerminalBuffer

WIDTH = 12
CONSOLE = Console(force_terminal=True, color_system="truecolor", width=WIDTH)
STYLES = ["", "bold", "#ff0000", "#ff0000 on #000044", "dim italic on #000044", "on #00ff00", "underline"]
_PART = re.compile(r"\x1b\[([\d;]*)([HCm])|\x1b.|\n|([^\x1b\n])")

Look = tuple[frozenset[str], str, str]
DEFAULT: Look = (frozenset(), "", "")


class Paper:
    """A minimal terminal: cursor movement, styles and text; half a wide character becomes a space."""

    def __init__(self, width: int, height: int) -> None:
        self.rows: list[list[tuple[str, Look]]] = [[("?", DEFAULT)] * width for _ in range(height)]
        self._look, self._x, self._y = DEFAULT, 0, 0

    def feed(self, output: str) -> None:
        for codes, kind, character in _PART.findall(output):
            numbers = [int(code) for code in codes.split(";") if code]
            if kind == "H":
                self._y, self._x = (number - 1 for number in numbers or (1, 1))
            elif kind == "C":
                self._x += numbers[0]
            elif kind == "m":
                self._style(numbers)
            elif character:
                self._put(character)
        assert self._look == DEFAULT, "every update ends with the default style"

    def _put(self, character: str) -> None:
        row, size = self.rows[self._y], get_character_cell_size(character)
        for x in range(self._x, self._x + size):
            if row[x][0] == "":
                row[x - 1] = (" ", row[x - 1][1])
            if x + 1 < len(row) and row[x + 1][0] == "":
                row[x + 1] = (" ", row[x + 1][1])
        row[self._x] = (character, self._look)
        for x in range(self._x + 1, self._x + size):
            row[x] = ("", self._look)
        self._x += size

    def _style(self, codes: list[int]) -> None:
        attributes, colour, background = self._look
        at = iter(codes or [0])
        for code in at:
            if code == 0:
                attributes, colour, background = DEFAULT
            elif code in (38, 48):
                parameters = [str(next(at)) for _ in range(4)]
                colour, background = (
                    (";".join(parameters), background) if code == 38 else (colour, ";".join(parameters))
                )
            elif code in (39, 49):
                colour, background = ("", background) if code == 39 else (colour, "")
            else:
                attributes = attributes | {str(code)}
        self._look = (attributes, colour, background)


@st.composite
def strips(draw: st.DrawFn, width: int = WIDTH) -> Strip:
    """Generate a line of a few styles, with wide characters and braille."""
    segments = []
    while width:
        text = draw(st.text(alphabet="ab ⣿⠁漢字", min_size=1, max_size=width))
        kept = ""
        for character in text:
            if get_character_cell_size(character) <= width:
                kept += character
                width -= get_character_cell_size(character)
        segments.append(Segment(kept, Style.parse(draw(st.sampled_from(STYLES)))))
    return Strip(segments)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["left", "right", "both", "whole"]), strips(), strips()), max_size=6)
)
def test_the_diff_leaves_the_same_screen(frames: list[tuple[str, Strip, Strip]]) -> None:
    """Two widgets share a line; updates draw one of them, both, or the whole screen."""
    buffer, actual, expected = TerminalBuffer(), Paper(2 * WIDTH, 1), Paper(2 * WIDTH, 1)
    for what, left, right in frames:
        if what == "whole":
            update: Any = LayoutUpdate([[left, right]], Region(0, 0, 2 * WIDTH, 1))
        else:
            chops = {0: left if what != "right" else None, WIDTH: right if what != "left" else None}
            begin, end = (WIDTH if what == "right" else 0), (WIDTH if what == "left" else 2 * WIDTH)
            update = ChopsUpdate([chops], [(0, begin, end)], [[WIDTH, 2 * WIDTH]])
        diff: Any = buffer.diff(update)
        actual.feed(diff.render_segments(CONSOLE))
        expected.feed(update.render_segments(CONSOLE))
        assert actual.rows == expected.rows


def test_unchanged_cells_are_not_written() -> None:
    line = Strip([Segment("power ", Style.parse("dim")), Segment("412 W", Style.parse("#00ff00 on #101010"))])
    risen = Strip(
        [Segment("power ", Style.parse("dim")), Segment("417 W", Style.parse("#00ff00 on #101010"))]
    )
    buffer = TerminalBuffer()

    def written(strip: Strip) -> str:
        diff: Any = buffer.diff(ChopsUpdate([{0: strip}], [(0, 0, 11)], [[11]]))
        return str(diff.render_segments(CONSOLE))

    assert "412 W" in written(line)
    assert written(line) == ""
    assert written(risen) == "\x1b[1;9H\x1b[38;2;0;255;0;48;2;16;16;16m7\x1b[0m"


def test_combining_characters_are_written_as_one_unit() -> None:
    buffer, paper = TerminalBuffer(), []
    for text in ("e\u0301 x", "e\u0301 y", "a\u0301 y"):
        diff: Any = buffer.diff(ChopsUpdate([{0: Strip([Segment(text)])}], [(0, 0, 3)], [[3]]))
        paper.append(diff.render_segments(CONSOLE))
    assert paper == ["\x1b[1;1He\u0301 x", "\x1b[1;1He\u0301 y", "\x1b[1;1Ha\u0301 y"]


class PaperApp(TrtbenchApp):
    """Writes the output for the terminal to paper."""

    def __init__(self, start: Any) -> None:
        super().__init__(start)
        self.paper = Paper(1, 1)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        diff: Any = self._terminal.diff(renderable)
        if diff is not None and not self._batch_count:
            if (len(self.paper.rows[0]), len(self.paper.rows)) != self.size:
                self.paper = Paper(*self.size)
            self.paper.feed(diff.render_segments(CONSOLE))

    def full_screen(self) -> list[list[tuple[str, Look]]]:
        fresh = Paper(*self.size)
        fresh.feed(self.screen._compositor.render_full_update().render_segments(CONSOLE))
        return fresh.rows


KEYS = "down down e 1 2 escape question_mark escape slash q w escape r h"


async def test_home_screen_equals_a_full_redraw(home: Path) -> None:
    app = PaperApp(HomePlace())
    async with app.run_test(size=(100, 30)) as pilot:
        for key in KEYS.split():
            await pilot.press(key)
            await pilot.pause()
            assert app.paper.rows == app.full_screen(), f"after {key}"
        for columns, lines in ((90, 40), (90, 30), (120, 30)):
            await pilot.resize_terminal(columns, lines)
            await pilot.pause()
            assert app.paper.rows == app.full_screen(), f"at {columns}x{lines}"


@pytest.mark.parametrize("keys", [(), ("question_mark",), ("slash", "q"), ("ctrl+s",)])
async def test_ctrl_l_repairs_foreign_output(home: Path, keys: tuple[str, ...]) -> None:
    app = PaperApp(HomePlace())
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until_idle(pilot)
        await pilot.press(*keys)
        await wait_until_idle(pilot)
        app.paper = Paper(*app.size)
        await pilot.pause()
        assert app.paper.rows != app.full_screen()
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert app.paper.rows == app.full_screen()


async def test_live_screen_equals_a_full_redraw(tmp_path: Path) -> None:
    run = recorded_runs.under_way(8)
    app = PaperApp(LivePlace(run.feed(tmp_path / "runs")))
    async with app.run_test(size=(160, 50)) as pilot:
        for key in ("p", "p", "l", "l", "x", "escape"):
            await pilot.press(key)
            await pilot.pause()
            assert app.paper.rows == app.full_screen(), f"after {key}"
