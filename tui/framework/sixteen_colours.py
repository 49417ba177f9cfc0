"""The colours of a theme on terminals with 16 colours, whose exact shades every terminal chooses itself.

Rich picks the colour of the palette with the nearest shade of red, green and blue: amber becomes bright red,
which is the colour of errors. The other colours of the themes come out right.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as TerminalColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

ROUNDING = 1
"""The colours of a theme are rounded twice on their way to the screen."""


class SixteenColours(LineFilter):
    """Replaces some colours of 24 bits by one of the sixteen; Rich replaces the others."""

    def __init__(self, replaced: tuple[tuple[str, str], ...]) -> None:
        """`replaced`: colours as `#e0a83e`, and names of the sixteen colours, as Rich has them."""
        super().__init__()
        self._replaced = [(Color.parse(colour).rgb, TerminalColor.parse(name)) for colour, name in replaced]
        self._in_sixteen = lru_cache(maxsize=1024)(self._replace)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, style and self._in_sixteen(style), control) for text, style, control in segments
        ]

    def _replace(self, style: Style) -> Style:
        return style + Style(color=self._one(style.color), bgcolor=self._one(style.bgcolor))

    def _one(self, colour: TerminalColor | None) -> TerminalColor | None:
        if colour is None or colour.triplet is None:
            return colour
        shade = colour.triplet
        near = (
            named
            for wanted, named in self._replaced
            if all(abs(a - b) <= ROUNDING for a, b in zip(shade, wanted, strict=True))
        )
        return next(near, colour)
