"""Format numbers and durations, the same way in commands, reports and screens."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import groupby


def format_number(value: float, digits: int = 0) -> str:
    """Return `63 543` or `0.042`: a space separates thousands; nan and infinity are a dash."""
    if value != value or value in (float("inf"), float("-inf")):
        return "–"
    return f"{value:,.{digits}f}".replace(",", " ")


def command(*words: str) -> str:
    """Return a command of this program to paste into a shell: `trtbench-tui stop 7f3a`."""
    return shlex.join(("trtbench-tui", *words))


def plural(count: int, one: str, many: str = "") -> str:
    """Return `1 run` or `3 runs`; `many` is for nouns with an irregular plural."""
    return f"{format_number(count)} {one if count == 1 else many or one + 's'}"


def ranges(numbers: Sequence[int]) -> str:
    """Return sorted numbers as `0-3` or `0,4`."""
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        parts.append(str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}")
    return ",".join(parts)


def duration(seconds: float) -> str:
    """Return `0:12`, `14:02` or `3:12:44`, as short as the duration allows."""
    whole = max(0, int(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
