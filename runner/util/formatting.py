"""Numbers and durations as text, the same in commands, reports and on screens."""

from __future__ import annotations


def number(value: float, digits: int = 0) -> str:
    """`63 543`, `0.042`: a space separates thousands; nan and infinity are a dash."""
    if value != value or value in (float("inf"), float("-inf")):
        return "–"
    return f"{value:,.{digits}f}".replace(",", " ")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `3 runs`; `many` is for words that do not just add an s."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """`0:12`, `14:02`, `3:12:44`: as short as the duration allows."""
    whole = max(0, int(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
