"""The colours of a theme on terminals with 256 colours, as over ssh, which does not pass `COLORTERM` on.

Rich rounds hue and saturation: all dark backgrounds become black, and greens become grey.
Here each colour becomes the one of the palette that looks most alike: the nearest in OKLab.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as TerminalColor
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_FIRST = 16
"""The colours before are those that users choose for their terminal."""
_LEVELS = (0, 95, 135, 175, 215, 255)
_PALETTE = (
    *((red, green, blue) for red in _LEVELS for green in _LEVELS for blue in _LEVELS),
    *((8 + 10 * step,) * 3 for step in range(24)),
)
"""red, green and blue of the colours 16 to 255"""

Lab = tuple[float, float, float]


def _oklab(red: int, green: int, blue: int) -> Lab:
    """Return lightness and the two colour axes of an sRGB colour.

    Source: Björn Ottosson, A perceptual color space for image processing, 2020.
    """
    r, g, b = (_linear(value / 255) for value in (red, green, blue))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


@lru_cache(maxsize=1)
def _palette_in_oklab() -> tuple[Lab, ...]:
    return tuple(_oklab(*colour) for colour in _PALETTE)


@lru_cache(maxsize=1024)
def nearest_index(red: int, green: int, blue: int) -> int:
    """Return the number, 16 to 255, of the colour of the palette that looks most like an sRGB colour."""
    wanted = _oklab(red, green, blue)
    palette = _palette_in_oklab()
    distances = [sum((a - b) ** 2 for a, b in zip(wanted, colour, strict=True)) for colour in palette]
    return _FIRST + distances.index(min(distances))


def _indexed(colour: TerminalColor | None) -> TerminalColor | None:
    if colour is None or colour.type is not ColorType.TRUECOLOR or colour.triplet is None:
        return colour
    number = nearest_index(*colour.triplet)
    return TerminalColor(f"color({number})", ColorType.EIGHT_BIT, number=number)


@lru_cache(maxsize=4096)
def _indexed_style(style: Style) -> Style:
    return style + Style(color=_indexed(style.color), bgcolor=_indexed(style.bgcolor))


class IndexedColours(LineFilter):
    """Replaces colours of 24 bits by colours of the palette."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style and _indexed_style(style), control) for text, style, control in segments]
