"""The line of run diagnostics: always one line while a run is active, more lines after its end."""

from __future__ import annotations

from typing import Literal

import msgspec

from tui.framework.rows import Row, Span, dim, row, row_width, spread
from tui.text import shorten, width_of, wrap

Severity = Literal["good", "quiet", "warn", "bad"]
_MARKS: dict[Severity, Span] = {
    "good": Span("✓ ", "good"),
    "quiet": Span("· ", "dim"),
    "warn": Span("! ", "warn"),
    "bad": Span("✖ ", "bad"),
}
_STYLES: dict[Severity, str] = {"good": "good", "quiet": "dim", "warn": "warn", "bad": "bad"}


MIN_CUT = 28
"""least cells of a bracketed addition that are worth showing cut off"""


class SteadyBadge(msgspec.Struct, frozen=True):
    """Steadiness of the latencies: one word and a detail."""

    kind: Severity
    word: str
    detail: str
    """shown on wide terminals"""
    short: str
    """shown on narrow terminals"""


class HealthLine(msgspec.Struct, frozen=True):
    """The most important message of now, and what to do about it."""

    kind: Severity
    lines: tuple[str, ...]
    badge: SteadyBadge | None = None
    single_line: bool = False
    """cut to one line, so that the panels do not move while the run is active"""


def draw_health(health: HealthLine, width: int, height: int) -> list[Row]:
    return health_rows(health, width)


def health_rows(health: HealthLine, width: int) -> list[Row]:
    """Wrap all lines: the message with the badge at its right, then what to do."""
    room = max(1, width - 2)
    first, *more = [*health.lines, ""][: max(1, len(health.lines))]
    badge = _badge(health, width, width_of(_essence(first)))
    first_width = max(1, room - row_width(badge) - 2) if badge else room
    lines = wrap(first, first_width)
    if health.single_line:
        before = _without_addition(first)
        if width_of(first) > first_width < width_of(before) + MIN_CUT:
            first = before  # better than a few letters of the bracketed text
        lines = [shorten(first, first_width)]
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


def _without_addition(message: str) -> str:
    """Return the message without the brackets at its end."""
    return message.rpartition("   (")[0] or message.partition(" (")[0]


def _essence(message: str) -> str:
    """Return what a message says before its evidence and what comes after it."""
    return message.partition("   ")[0].partition(" (")[0]


def _badge(health: HealthLine, width: int, message: int) -> Row:
    """Return the badge; of a problem that needs `message` cells, it leaves out its detail or is left out."""
    badge = health.badge
    if badge is None:
        return ()
    word = row(Span(badge.word, _STYLES[badge.kind]))
    detail = badge.detail if width >= 100 else badge.short
    whole = (*word, dim(f"  {detail}")) if detail and width >= 50 else word
    if health.kind in ("good", "quiet") or not health.single_line:
        return whole
    return next((one for one in (whole, word) if message + row_width(one) + 4 <= width), ())
