"""The last guard of the terminal: no drawn line has a control character, whichever widget drew it."""

from __future__ import annotations

import re

from rich.cells import get_character_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from runner.util.foreign_text import MARK, UNSAFE


class CleanFilter(LineFilter):
    """Replaces what a widget did not clean, such as text in an input line; columns keep their position."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        # `isprintable` is fast, and true for nearly every text.
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            Segment(re.sub(UNSAFE, _same_width, text), style, control) for text, style, control in segments
        ]


def _same_width(found: re.Match[str]) -> str:
    return MARK * get_character_cell_size(found[0])
