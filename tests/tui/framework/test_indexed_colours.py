from __future__ import annotations

import pytest
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as ScreenColor
from textual.theme import Theme

from tui.framework.indexed_colours import IndexedColours, nearest_index
from tui.theme import THEMES

FULL = [theme for theme in THEMES if theme.name != "monochrome"]


@pytest.mark.parametrize("number", [16, 21, 46, 110, 196, 231, 232, 243, 255])
def test_a_colour_of_the_palette_stays(number: int) -> None:
    assert nearest_index(*Color.from_ansi(number).get_truecolor()) == number


@pytest.mark.parametrize("theme", FULL, ids=lambda theme: theme.name)
def test_colours_of_a_theme_stay_apart(theme: Theme) -> None:
    texts: list[str | None] = [theme.primary, theme.warning, theme.error, theme.foreground]
    backgrounds = [theme.background, theme.panel]
    found = [nearest_index(*Color.parse(colour or "").get_truecolor()) for colour in (*texts, *backgrounds)]
    assert len(set(found)) == len(found)


def test_greens_stay_green_and_greys_grey() -> None:
    red, green, blue = Color.from_ansi(nearest_index(0x86, 0xC2, 0x32)).get_truecolor()
    assert green > red > blue
    assert green - blue > 100
    assert nearest_index(0x11, 0x15, 0x1A) >= 232


def test_only_colours_of_24_bits_change() -> None:
    style = Style(color="#11151a", bgcolor="color(4)", bold=True)
    drawn = IndexedColours().apply([Segment("a", style), Segment("b")], ScreenColor(0, 0, 0))
    assert [segment.text for segment in drawn] == ["a", "b"]
    assert drawn[0].style == Style(
        color=f"color({nearest_index(0x11, 0x15, 0x1A)})", bgcolor="color(4)", bold=True
    )
