"""A flag: a sentence that doubts a number, with its effect, and flags of several GPUs as one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from runner.util.formatting import ranges

if TYPE_CHECKING:
    from typing_extensions import Self


class Effect(IntEnum):
    """What a flag means for the numbers, the least first."""

    NOTE = 0
    """worth knowing"""
    UNREAD = 1
    """a reading is missing"""
    UNCERTAIN = 2
    """the number is right, but its precision is not what it seems"""
    DISTORTED = 3
    """the number includes something else: a wait, a throttled GPU, a drift"""
    WRONG = 4
    """the number is not what its name says"""


class Flag(str):
    """The text of a flag. `effect` sorts flags: an `Effect` plus the share by which it changes the number."""

    effect: float

    def __new__(cls, text: str, effect: Effect = Effect.NOTE, share: float = 0.0) -> Self:
        """Return a flag; `share` (0.57 is 57 %) orders the flags of equal effect."""
        flag = super().__new__(cls, text)
        flag.effect = effect + min(abs(share), 0.99)
        return flag


def effect_of(flag: str) -> float:
    """Return the effect of a flag; a plain sentence is a note."""
    return flag.effect if isinstance(flag, Flag) else float(Effect.NOTE)


def by_effect(flags: Iterable[str]) -> list[str]:
    """Return flags with the largest effect first; equal ones keep their order."""
    return sorted(flags, key=effect_of, reverse=True)


class GpuFinding(NamedTuple):
    """A finding about one GPU."""

    gpu: int
    """its index in NVML"""
    kind: str
    """findings of one kind become one flag"""
    text: str
    """without the name of the GPU"""
    effect: Effect
    share: float = 0.0


def group_gpus(findings: Iterable[GpuFinding]) -> list[Flag]:
    """Return one flag for each kind: `GPUs 0-7: slowed down 5.0 % of the time (GPU 3, the worst)`."""
    kinds: dict[str, list[GpuFinding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    return [_grouped(found) for found in kinds.values()]


def _grouped(found: list[GpuFinding]) -> Flag:
    worst = max(found, key=lambda finding: (finding.effect, finding.share))
    gpus = list(dict.fromkeys(sorted(finding.gpu for finding in found)))
    name = f"GPU {gpus[0]}" if len(gpus) == 1 else f"GPUs {ranges(gpus)}"
    several = len({finding.text for finding in found}) > 1
    which = f" (GPU {worst.gpu}, the worst)" if several else ""
    return Flag(f"{name}: {worst.text}{which}", worst.effect, worst.share)
