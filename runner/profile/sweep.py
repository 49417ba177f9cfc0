"""The section `sweep` of a profile: fields that take several values, and how their values are written."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, inspect

from runner.schema.base import PositiveInt, Problem, Section

if TYPE_CHECKING:
    from runner.profile import Profile

Order = Literal["interleaved", "grouped"]
MAX_VALUES = 1000
"""of one axis"""
FIXED = ("name", "description", "sweep")
"""What names a profile cannot vary within a sweep of it."""
INSIDE = (
    "benchmark.input_output_len",
    "benchmark.input_len",
    "benchmark.batch_size",
    "benchmark.gpu_weights_percent",
    "benchmark.concurrency",
)
"""Lists that one run measures, as far as it can with the engine loaded once: such an axis is its list."""
_HOW = (
    "allowed: a list like [1, 2, 4], or a range like {from: 8, to: 64, times: 2} or {from: 0, to: 9, plus: 3}"
)


class Sweep(Section, frozen=True):
    """Fields that `trtbench-tui sweep` gives several values; `run` measures the profile without them."""

    axes: Annotated[
        dict[str, Any],
        Meta(
            description="path of a field -> its values: [1, 2], {from: 8, to: 64, times: 2} or {..., plus: 8}"
        ),
    ] = msgspec.field(default_factory=dict)
    repeat: Annotated[PositiveInt, Meta(description="how often every cell is measured")] = 1
    order: Annotated[
        Order, Meta(description="repeats: interleaved (all cells, then all again) or grouped by cell")
    ] = "interleaved"


def values_of(value: Any) -> list[Any]:
    """The values of an axis, as a profile writes them.

    Raises:
        ValueError: it is neither a list nor a range, is empty, too long, or has a value twice.
    """
    if isinstance(value, Mapping):
        return _range(value)
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is no list of values; {_HOW}")
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
            raise ValueError(f"{key}: {number!r} is no number; {_HOW}")
    return stepped(spec["from"], spec["to"], times=spec.get("times"), plus=spec.get("plus"))


def stepped(
    first: float, last: float, *, times: float | None = None, plus: float | None = None
) -> list[int | float]:
    """Numbers from `first` to at most `last`, each `times` the one before, or `plus` more (default 1).

    Decimal fractions are added as they are written: 0.1 plus 0.1 plus 0.1 is 0.3.

    Raises:
        ValueError: the steps do not lead from the first number to the last.
    """
    at, end = Decimal(str(first)), Decimal(str(last))
    step = Decimal(str(times if times is not None else plus if plus is not None else 1))
    if not (at.is_finite() and end.is_finite() and step.is_finite()):
        raise ValueError("has no end; give finite numbers")
    if end < at:
        raise ValueError(f"ends at {last} before it begins at {first}")
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


def is_inside(engine: str, path: str) -> bool:
    """Whether the benchmark of an engine measures all values of this field in one run."""
    from runner.schema.validation import kind_at, options

    kind = kind_at(engine, path) if path in INSIDE else None
    return kind is not None and isinstance(options(kind)[0], inspect.ListType)


def axis_problems(engine: str, path: str, value: Any) -> Iterator[Problem]:
    """What is wrong with one axis of a profile of an engine; the path of a problem is the field's."""
    from runner.profile import ENGINES
    from runner.schema.validation import kind_at, problems_of, section_at

    if path.split(".")[0] in FIXED:
        yield Problem(path, "is the same for all of a sweep; vary another field")
        return
    kind = kind_at(engine, path)
    if path == "engine":
        pass
    elif kind is None:
        close = difflib.get_close_matches(path, list(field_paths(engine)), n=1)
        yield Problem(
            path,
            f"a profile of {engine} has no such field" + (f" (did you mean {close[0]}?)" if close else ""),
        )
        return
    elif section_at(kind):
        yield Problem(path, "is a section; name one field in it, like parallel.tp")
        return
    try:
        values = values_of(value)
    except ValueError as error:
        yield Problem(path, str(error))
        return
    if path == "engine":
        for one in values:
            if one not in ENGINES:
                yield Problem(path, f"{one!r} is not an engine; allowed: {', '.join(ENGINES)}")
    elif is_inside(engine, path):
        assert kind is not None
        yield from problems_of(kind, values, path)
    else:
        assert kind is not None
        for one in values:
            yield from problems_of(kind, one, path)


def field_paths(engine: str) -> Iterator[str]:
    """Every field of an engine's profiles that an axis may name."""
    from runner.profile import ENGINES
    from runner.schema.validation import leaf_paths

    return (path for path in leaf_paths(ENGINES[engine]) if path.split(".")[0] not in FIXED)


def sweep_problems(profile: Profile) -> list[Problem]:
    """What is wrong with the section `sweep` of a profile."""
    if profile.sweep is None:
        return []
    return [
        Problem(f"sweep.axes.{path}", problem.message)
        for path, value in profile.sweep.axes.items()
        for problem in axis_problems(profile.engine, path, value)
    ]
