"""One finding of preflight, and how its numbers are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at and found, and what to do about it."""

    name: str
    verdict: Verdict
    text: str
    fix: str = ""
    """a command to copy, or the setting to change; empty when there is nothing to do"""


def gib(size: float) -> str:
    """Bytes in GiB, as all sizes of memory and disk are written."""
    return f"{size / 2**30:.1f} GiB"
