"""The first line of the home screen."""

from __future__ import annotations

from tui.framework.rows import Row, Span, dim, row, spread


def draw_home_header(note: str, width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  home"))
    return [spread(left, row(Span(note, "accent")) if note else (), width)]
