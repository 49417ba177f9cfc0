"""The lines above the final table: warnings, and published numbers of the same work."""

from __future__ import annotations

from tui.framework.rows import Row, Span, dim, row
from tui.text import shorten, wrap


def draw_flags(flags: tuple[str, ...], width: int, height: int) -> list[Row]:
    """Draw each warning with a mark; without room for all text some are cut to a line, so that all are seen.

    The panel scrolls with the wheel, and the key `d` shows all warnings in full.
    """
    room = max(10, width - 2)
    wrapped = [wrap(flag, room) for flag in flags]
    spare = height - len(flags) if height else sum(map(len, wrapped))
    drawn: list[Row] = []
    for flag, lines in zip(flags, wrapped, strict=True):
        fits = len(lines) - 1 <= spare
        spare -= len(lines) - 1 if fits else 0
        shown = lines if fits else [shorten(flag, room)]
        drawn += [row(Span("  " if y else "▸ ", "warn"), line) for y, line in enumerate(shown)]
    return drawn


def draw_published(sentences: tuple[str, ...], width: int, height: int) -> list[Row]:
    """Draw the share of each published number on one line; all warnings in full show the rest."""
    return [row(dim("published "), shorten(sentence, max(10, width - 10))) for sentence in sentences]
