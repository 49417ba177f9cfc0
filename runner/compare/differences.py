"""What differs between two sides, and whether a comparison of them is fair: that comes before any number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from runner.compare.sides import Side
from runner.metrics import caveats
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_name
from runner.stats.repeats import middle

Kind = Literal["unfair", "subject"]

CLOCKS_APART = 0.02
"""Share by which mean SM clocks may differ before a comparison is called unfair."""
THROTTLED_APART = 5.0
"""Percentage points of time throttled."""
_MACHINE = ("machine", "device", "processor cores", "power limit", "highest SM clock", "MIG")
_WORK = ("model.dir", "model.family", "model.name", "model.shape", "model.hf_config")
_UNSAID = "–"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not the same on all sides; one text a side, in their order."""

    name: str
    """`GPU driver`, or the path of a field of the profile: `build.gemm_plugin`"""
    values: tuple[str, ...]
    kind: Kind
    """`unfair`: it changes numbers without being what is compared; `subject`: it may be what is compared"""


def differences(sides: Iterable[Side]) -> list[Difference]:
    """What is not the same on all sides, what makes it unfair first.

    A field that one profile states and another leaves at its default differs only if the values do.
    """
    sides = list(sides)
    found = []
    for name in _names(sides):
        each = [_said(side, name) for side in sides]
        if any(one.keys() != each[0].keys() for one in each):
            kind: Kind = "unfair" if name in (*_MACHINE, *_WORK) else "subject"
            found.append(Difference(name=name, values=tuple(map(_words, each)), kind=kind))
    return sorted(found, key=lambda one: one.kind != "unfair")


def _names(sides: Iterable[Side]) -> list[str]:
    """Everything that any run says something about."""
    return list(dict.fromkeys(name for side in sides for run in side.runs for name in run.facts))


def _said(side: Side, name: str) -> dict[str, bool]:
    """What the runs of a side say of something, and whether that is a default that none of them states."""
    said: dict[str, bool] = {}
    for run in side.runs:
        stated = run.facts.get(name)
        default = run.default(name) if stated is None else None
        value = stated or default or _UNSAID
        said[value] = said.get(value, True) and default is not None
    return said


def _words(said: dict[str, bool]) -> str:
    """All that the runs of a side say."""
    return " / ".join(f"{value} (default)" if by_default else value for value, by_default in said.items())


def reasons_against(
    first: Side, second: Side, found: Iterable[Difference], shapes: Sequence[Configuration]
) -> list[str]:
    """Why a comparison of two sides is not fair, in words; empty: nothing speaks against it."""
    reasons = []
    for what, names in (("machine", _MACHINE), ("work", _WORK)):
        apart = [one.name for one in found if one.name in names]
        if apart:
            reasons.append(f"not the same {what}: {', '.join(apart)}")
    reasons += caveats({run.report.engine for side in (first, second) for run in side.runs})
    for side in (first, second):
        reasons += within(side)
    for shape in shapes:
        reasons += _conditions(first, second, shape)
    return reasons


def within(side: Side) -> Iterator[str]:
    """What is wrong with one side alone."""
    for name in _names([side]):
        if len(said := _said(side, name)) > 1:
            yield f"the runs of {side.label} are no repeats of each other: {name} is {_words(said)}"
    for run in side.runs:
        if run.report.status != "finished":
            yield f"{run.name} of {side.label} did not come to its end: it is {run.report.status}"


def _conditions(first: Side, second: Side, shape: Configuration) -> Iterator[str]:
    """What the GPUs did while a configuration was measured."""
    a, b = (_mean(side, shape, "gpu_sm_clock_mhz") for side in (first, second))
    if a and b and abs(b / a - 1) > CLOCKS_APART:
        yield f"{configuration_name(shape)}: mean SM clock {a:.0f} MHz against {b:.0f} MHz"
    a, b = (_mean(side, shape, "gpu_throttled_percent") for side in (first, second))
    if a is not None and b is not None and abs(b - a) > THROTTLED_APART:
        yield f"{configuration_name(shape)}: throttled {a:.0f} % of the time against {b:.0f} %"


def _mean(side: Side, shape: Configuration, metric: str) -> float | None:
    values = [run.value(shape, metric) for run in side.runs]
    known = [value for value in values if value is not None]
    return middle(known) if len(known) == len(values) else None
