"""The differences between two sides, and whether their comparison is fair; shown before any number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

import msgspec

from runner.compare.conditions import GPU_COUNT, NETWORK, NODES
from runner.compare.sides import Side
from runner.metrics import caveats
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_name
from runner.stats.repeats import middle

DifferenceKind = Literal["unfair", "unknown", "design", "subject"]

CLOCKS_APART = 0.02
"""Relative difference of mean SM clocks from which a comparison is unfair."""
THROTTLED_APART = 5.0
"""Difference of throttled time from which a comparison is unfair, percentage points."""
_MACHINE = ("machine", "device", "processor cores", "power limit", "highest SM clock", "MIG", NETWORK)
_OF_NODES = ("machine", NETWORK)
"""Conditions that differ of necessity between runs on different numbers of nodes."""
_WORK = ("model.dir", "model.family", "model.name", "model.shape", "model.hf_config")
_SOFTWARE = (
    "GPU driver", "CUDA of the driver", "PyTorch", "CUDA of PyTorch", "NCCL", "TensorRT", "TensorRT-LLM",
    "trtbench-tui",
)  # fmt: skip
_KINDS: tuple[DifferenceKind, ...] = get_args(DifferenceKind)
UNKNOWN = "–"
NOT_KNOWN = "not known"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that differs between sides; one value a side, in their order."""

    name: str
    """`GPU driver`, or the path of a field of the profile: `build.gemm_plugin`"""
    values: tuple[str, ...]
    kind: DifferenceKind
    """`unfair`: it changes numbers and is not what is compared; `unknown`: some sides have no value, and
    the others agree; `design`: what a sweep varies, or the number of GPUs or nodes; `subject`: it may be
    what is compared"""


def differences(sides: Iterable[Side]) -> list[Difference]:
    """Return the conditions that differ between sides, in the order of `DifferenceKind`.

    A field that one profile sets and another leaves at its default only differs if the values differ.
    """
    sides = list(sides)
    swept = _swept(sides)
    one_engine = len({run.report.engine for side in sides for run in side.runs}) == 1
    scaled = len({value for side in sides for value in _values(side, NODES)}) > 1
    found = []
    for name in _names(sides):
        each = [_values(side, name) for side in sides]
        if any(one.keys() != each[0].keys() for one in each):
            kind = _kind(name, each, swept, one_engine=one_engine)
            if name in _OF_NODES and scaled:
                kind = "design"
            texts = [NOT_KNOWN if kind == "unknown" and UNKNOWN in one else _values_text(one) for one in each]
            found.append(Difference(name=name, values=tuple(texts), kind=kind))
    return sorted(found, key=lambda one: _KINDS.index(one.kind))


def _kind(
    name: str, each: Sequence[dict[str, bool]], swept: Sequence[str], *, one_engine: bool
) -> DifferenceKind:
    """Classify a difference.

    Args:
        name: the condition.
        each: its values on each side.
        swept: the fields that a common sweep of all sides varies.
        one_engine: all sides ran the same engine, so that they have the same conditions.
    """
    known = [values.keys() for values in each if values.keys() != {UNKNOWN}]
    checked = name in (*_MACHINE, *_WORK, *_SOFTWARE)
    if checked and one_engine and len(known) < len(each) and all(one == known[0] for one in known):
        return "unknown"
    varied = any(f"{name}.".startswith(f"{path}.") or path.startswith(f"{name}.") for path in swept)
    if name in (GPU_COUNT, NODES) or varied:
        return "design"
    return "unfair" if name in (*_MACHINE, *_WORK) else "subject"


def _swept(sides: Sequence[Side]) -> list[str]:
    """Return the fields that vary between the cells of the one sweep that all runs belong to."""
    members = [run.report.sweep for side in sides for run in side.runs]
    cells = [member for member in members if member is not None]
    if len(cells) < len(members) or len({cell.sweep for cell in cells}) > 1:
        return []
    return list(dict.fromkeys(path for cell in cells for path, _ in cell.values))


def notes(first: Side, second: Side, found: Iterable[Difference]) -> list[str]:
    """Return what differs by design and what is not known; neither makes a comparison of two sides unfair."""
    found = list(found)
    said = []
    for one in found:
        if one.kind == "design" and (one.name in (GPU_COUNT, NODES) or one.name in _WORK):
            before, after = one.values
            counted = one.name.removesuffix("s") if after == "1" else one.name
            what = f"{after} {counted}" if one.name in (GPU_COUNT, NODES) else f"{one.name} {after}"
            said.append(f"by design: {what} instead of {before}")
    for number, side in enumerate((first, second)):
        names = [one.name for one in found if one.kind == "unknown" and one.values[number] == NOT_KNOWN]
        if names:
            said.append(f"not known for {side.label}: {', '.join(names)}")
    return said


def _names(sides: Iterable[Side]) -> list[str]:
    """Return the names of all conditions of any run."""
    return list(dict.fromkeys(name for side in sides for run in side.runs for name in run.conditions))


def _values(side: Side, name: str) -> dict[str, bool]:
    """Return the values of a condition in the runs of a side -> whether it is only a default."""
    values: dict[str, bool] = {}
    for run in side.runs:
        stated = run.conditions.get(name)
        default = run.default(name) if stated is None else None
        value = stated or default or ("1" if name == NODES else UNKNOWN)
        values[value] = values.get(value, True) and default is not None
    return values


def _values_text(values: dict[str, bool]) -> str:
    """Return the values of a side as text."""
    return " / ".join(f"{value} (default)" if by_default else value for value, by_default in values.items())


def unfairness_reasons(
    first: Side, second: Side, found: Iterable[Difference], shapes: Sequence[Configuration]
) -> list[str]:
    """Return the reasons why a comparison of two sides is not fair; empty: it is fair."""
    reasons = setup_reasons(found)
    reasons += caveats({run.report.engine for side in (first, second) for run in side.runs})
    for side in (first, second):
        reasons += side_problems(side)
    for shape in shapes:
        reasons += _gpu_reasons(first, second, shape)
    return reasons


def setup_reasons(found: Iterable[Difference]) -> list[str]:
    """Return why sides with these differences measured different things; empty: they did not."""
    reasons, found = [], list(found)
    for what, names in (("machine", _MACHINE), ("work", _WORK)):
        apart = [one for one in found if one.name in names and one.kind == "unfair"]
        named = [" and ".join(one.values) if one.name == what else one.name for one in apart]
        if apart:
            reasons.append(f"not the same {what}: {', '.join(named)}")
    return reasons


def side_problems(side: Side) -> Iterator[str]:
    """Yield the reasons why the runs of one side are not comparable."""
    for name in _names([side]):
        if len(values := _values(side, name)) > 1:
            yield f"the runs of {side.label} are not repeats of each other: {name} is {_values_text(values)}"
    for run in side.runs:
        if run.report.status != "finished":
            yield f"{run.name} of {side.label} did not finish: it is {run.report.status}"


def _gpu_reasons(first: Side, second: Side, shape: Configuration) -> Iterator[str]:
    """Yield differences of GPU clocks and throttling while a configuration was measured."""
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
