"""The lines above the final table: warnings, and published numbers of the same work."""

from __future__ import annotations

from tui.framework.rows import Row, Span, dim, row
from tui.text import shorten, wrap


def draw_flags(flags: tuple[str, ...], width: int, height: int) -> list[Row]:
    """Draw each warning with a mark; without room for all text, one line each, so that the first are visible.

    The panel scrolls with the wheel, and the key `d` shows all warnings in full.
    """
    room = max(10, width - 2)
    drawn: list[Row] = []
    for flag in flags:
        drawn += [row(Span("  " if y else "▸ ", "warn"), line) for y, line in enumerate(wrap(flag, room))]
    if 0 < height < len(drawn):
        return [row(Span("▸ ", "warn"), shorten(flag, room)) for flag in flags]
    return drawn


def draw_published(sentences: tuple[str, ...], width: int, height: int) -> list[Row]:
    """Draw the share of each published number on one line; all warnings in full show the rest."""
    return [row(dim("published "), shorten(sentence, max(10, width - 10))) for sentence in sentences]
