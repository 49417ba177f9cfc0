"""The result of one preflight check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """A check: its name, verdict, finding, and how to fix the problem."""

    name: str
    verdict: Verdict
    text: str
    fix: str = ""
    """a command or a setting; empty when nothing needs fixing"""


def gib(size: float) -> str:
    """Format bytes as GiB, the unit of all sizes of memory and disk."""
    return f"{size / 2**30:.1f} GiB"
