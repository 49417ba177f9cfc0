"""The result of one preflight check."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    brief: str = field(default="", compare=False)
    """`text` in a few words, for lists; empty: the name"""
    unknown: bool = field(default=False, compare=False)
    """`text` says which facts are missing: whether the check would pass is not known"""

    @property
    def short(self) -> str:
        return self.brief or self.name


def gib(size: float) -> str:
    """Format bytes as GiB, the unit of all sizes of memory and disk."""
    return f"{size / 2**30:.1f} GiB"


def gpu_memory_brief(need: float, total: float) -> str:
    """Return that a rank needs more memory than a GPU has, both in bytes, in a few words."""
    return f"needs {need / 2**30:.1f}, has {gib(total)} a GPU"
