"""Whether all is well, in one line that is always there; more lines once there is something to say."""

from __future__ import annotations

from typing import Literal

import msgspec

from tui.framework.rows import Row, Span, dim, row, row_width, spread
from tui.text import shorten, width_of, wrap

Kind = Literal["good", "quiet", "warn", "bad"]
_MARKS: dict[Kind, Span] = {
    "good": Span("✓ ", "good"),
    "quiet": Span("· ", "dim"),
    "warn": Span("! ", "warn"),
    "bad": Span("✖ ", "bad"),
}
_STYLES: dict[Kind, str] = {"good": "good", "quiet": "dim", "warn": "warn", "bad": "bad"}


LEAST_CUT = 28
"""so much of a text is worth showing when not all of it fits"""


class Badge(msgspec.Struct, frozen=True):
    """Whether the latencies are steady, in a word, and what to know about it."""

    kind: Kind
    word: str
    about: str
    """in words, where there is room"""
    short: str


class Health(msgspec.Struct, frozen=True):
    """The one thing to know now, with what to do about it."""

    kind: Kind
    lines: tuple[str, ...]
    badge: Badge | None = None
    brief: bool = False
    """one line and no more, so that nothing moves while the run is under way"""


def draw_health(health: Health, width: int, height: int) -> list[Row]:
    return health_rows(health, width)


def health_rows(health: Health, width: int) -> list[Row]:
    """All lines, wrapped; the first says what, the others what to do; the badge at the right of the first."""
    badge = _badge(health, width)
    room = max(1, width - 2)
    beside = max(1, room - row_width(badge) - 2) if badge else room
    first, *more = [*health.lines, ""][: max(1, len(health.lines))]
    lines = wrap(first, beside)
    if health.brief:
        before = first.rpartition("   (")[0]
        if before and width_of(first) > beside < width_of(before) + LEAST_CUT:
            first = before  # rather than a few letters of what stands in brackets
        lines = [shorten(first, beside)]
    elif len(lines) > 1:  # the second line has the whole width
        lines = [lines[0], *wrap(first[len(lines[0]) :].lstrip(), room)]
    lines += [line for text in more for line in wrap(text, room)]
    style = "" if health.kind in ("good", "quiet") else health.kind
    texts = [
        Span(line, style if number < len(lines) - len(more) or not more else "")
        for number, line in enumerate(lines)
    ]
    rows = [row("  ", text) for text in texts]
    head = row(_MARKS[health.kind], texts[0])
    return [spread(head, badge, width) if badge else head, *rows[1:]]


def _badge(health: Health, width: int) -> Row:
    badge = health.badge
    if badge is None:
        return ()
    word = Span(badge.word, _STYLES[badge.kind])
    about = badge.about if width >= 100 else badge.short
    return row(word, dim(f"  {about}") if about and width >= 50 else "")
