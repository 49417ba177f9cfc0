"""Draw everything in ASCII, for terminals that cannot show more."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tui.text import to_ascii


class AsciiFilter(LineFilter):
    """Replaces each character by one of the same width, also in borders, titles and Textual's own widgets."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]
