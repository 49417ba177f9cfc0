"""The sections `sweep` and `tune` of a profile, and the notation of the values of an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runner.schema.base import PositiveInt, Section

Order = Literal["interleaved", "grouped"]
MAX_VALUES = 1000
"""Maximum number of values of an axis."""
FIXED = ("name", "description", "sweep", "tune")
"""Fields that identify a profile and therefore cannot be an axis."""
INSIDE = (
    "benchmark.input_output_len",
    "benchmark.input_len",
    "benchmark.batch_size",
    "benchmark.gpu_weights_percent",
    "benchmark.concurrency",
)
"""Lists that one run measures with the engine loaded once: such an axis becomes the list of a run."""
_HOW = (
    "allowed: a list like [1, 2, 4], or a range like {from: 8, to: 64, times: 2} or {from: 0, to: 9, plus: 3}"
)


class SweepSection(Section, frozen=True):
    """Fields that `trtbench-tui sweep` gives several values; `run` measures the profile without them."""

    axes: Annotated[
        dict[str, Any],
        Meta(
            description="path of a field -> its values: [1, 2], {from: 8, to: 64, times: 2} or {..., plus: 8}"
        ),
    ] = msgspec.field(default_factory=dict)
    repeat: Annotated[PositiveInt, Meta(description="how often every cell is measured")] = 1
    jobs: Annotated[
        PositiveInt, Meta(description="with launch.slurm: most jobs at a time, in which runs take turns")
    ] = 1
    order: Annotated[
        Order, Meta(description="repeats: interleaved (all cells, then all in reverse) or grouped by cell")
    ] = "interleaved"


class TuneSection(Section, frozen=True):
    """Fields that `trtbench-tui tune` may choose the values of; `run` measures the profile without them."""

    axes: Annotated[
        dict[str, Any],
        Meta(
            description="path of a field -> the values to choose from, in the notation of sweep.axes;"
            " none: the default axes of the engine"
        ),
    ] = msgspec.field(default_factory=dict)
    conditions: Annotated[
        dict[str, dict[str, list[Any]]],
        Meta(
            description="path of an axis -> {path of an axis before it: [values]}: it varies only where the"
            " other one has one of these values"
        ),
    ] = msgspec.field(default_factory=dict)


def values_of(value: Any) -> list[Any]:
    """Return the values of an axis from its notation in a profile.

    Raises:
        ValueError: not a list or range, empty, too long, or with a value given twice.
    """
    if isinstance(value, Mapping):
        return _range(value)
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is not a list of values; {_HOW}")
    values = list(value)
    if not values:
        raise ValueError(f"is empty; {_HOW}")
    if len(values) > MAX_VALUES:
        raise ValueError(f"has {len(values)} values; allowed: at most {MAX_VALUES}")
    for number, one in enumerate(values):
        if one in values[:number]:
            raise ValueError(f"names {one} twice; keep one of them")
    return values


def _range(spec: Mapping[str, Any]) -> list[Any]:
    if not {"from", "to"} <= set(spec) <= {"from", "to", "times", "plus"} or {"times", "plus"} <= set(spec):
        raise ValueError(f"has the keys {', '.join(map(str, spec)) or '(none)'}; {_HOW}")
    for key, number in spec.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError(f"{key}: {number!r} is not a number; {_HOW}")
    return step_range(spec["from"], spec["to"], times=spec.get("times"), plus=spec.get("plus"))


def step_range(
    first: float, last: float, *, times: float | None = None, plus: float | None = None
) -> list[int | float]:
    """Return numbers from `first` to at most `last`, each `times` the one before, or `plus` more (default 1).

    Steps are added as decimals: 0.1 plus 0.1 plus 0.1 is 0.3.

    Raises:
        ValueError: the steps do not lead from the first number to the last.
    """
    at, end = Decimal(str(first)), Decimal(str(last))
    step = Decimal(str(times if times is not None else plus if plus is not None else 1))
    if not (at.is_finite() and end.is_finite() and step.is_finite()):
        raise ValueError("has no end; give finite numbers")
    if end < at:
        raise ValueError(f"ends at {last}, before its start at {first}")
    if times is not None and (step <= 1 or at <= 0):
        raise ValueError(
            f"never gets from {first} to {last} times {times}; allowed: times above 1, from above 0"
        )
    if times is None and step <= 0:
        raise ValueError(f"never gets from {first} to {last} plus {step}; allowed: plus above 0")
    values: list[int | float] = []
    while at <= end:
        values.append(int(at) if at == at.to_integral_value() else float(at))
        if len(values) > MAX_VALUES:
            raise ValueError(f"has more than {MAX_VALUES} values")
        at = at * step if times is not None else at + step
    return values


_SHORT = {
    "benchmark.batch_size": "batch",
    "benchmark.input_output_len": "in/out",
    "benchmark.gpu_weights_percent": "weights",
    "benchmark.num_requests": "requests",
}


def short_path(path: str) -> str:
    """Return the last part of a path as the title of an axis; batch sizes and lengths have short names."""
    return _SHORT.get(path, path.rpartition(".")[2])


def cell_label(values: Sequence[tuple[str, str]]) -> str:
    """Return the label of a combination of values: `tp 2 · dtype bfloat16`."""
    return " · ".join(f"{short_path(path)} {value}" for path, value in values)
