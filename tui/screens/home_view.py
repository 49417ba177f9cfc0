"""The first and the last line of the home screen: all that its first frame needs."""

from __future__ import annotations

from tui.keys import footer_row, valid_keys
from tui.widgets.rows import Row, Span, dim, row, spread

NARROW_KEYS = ("run", "edit", "save_as", "switch_pane", "runs", "quit", "help")
"""Keys of the footer when not all fit."""


def draw_header(note: str, width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  home"))
    return [spread(left, row(Span(note, "accent")) if note else (), width)]


def draw_footer(note: str, width: int, height: int) -> list[Row]:
    keys = valid_keys("home")
    line = footer_row(keys, 10_000)
    if sum(len(span.text) for span in line) > width:
        keys = [key for key in keys if key.action in NARROW_KEYS]
    return [footer_row(keys, width, note)]
