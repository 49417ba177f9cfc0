"""Whether all is well, in one line that is always there; more lines once there is something to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.text import wrap
from tui.widgets.rows import Row, Span, row

Kind = Literal["good", "quiet", "warn", "bad"]
_MARKS: dict[Kind, Span] = {
    "good": Span("✓ ", "good"),
    "quiet": Span("· ", "dim"),
    "warn": Span("! ", "warn"),
    "bad": Span("✖ ", "bad"),
}


@dataclass(frozen=True)
class Health:
    """The one thing to know now, with what to do about it."""

    kind: Kind
    lines: tuple[str, ...]


def draw_health(health: Health, width: int, height: int) -> list[Row]:
    return health_rows(health, width)


def health_rows(health: Health, width: int) -> list[Row]:
    """All lines, wrapped; the first says what, the others what to do."""
    style = {"good": "", "quiet": "dim"}.get(health.kind, health.kind)
    lines = [line for text in health.lines for line in wrap(text, max(1, width - 2))]
    return [
        row(_MARKS[health.kind] if not number else Span("  "), Span(line, "" if number else style))
        for number, line in enumerate(lines)
    ]
