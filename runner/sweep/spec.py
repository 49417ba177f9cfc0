"""What a sweep consists of: axes, the cells they make, and the order of measuring. Pure; starts nothing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from runner.engines.registry import make_plan
from runner.errors import UserError
from runner.plan.plan import Configuration
from runner.profile.file import ProfileError, decode, parse_value, set_path, to_data, to_flow, to_yaml
from runner.profile.structs import kind_at
from runner.profile.sweep import axis_problems, is_inside
from runner.schema.axes import INSIDE, Order, stepped, values_of
from runner.schema.base import Profile
from runner.schema.validation import is_text

SCHEMA = 1
MAX_CELLS = 200
PROFILE = "profile"
"""The axis of a sweep whose cells are whole profiles."""

Axes = dict[str, list[Any]]
"""path in the profile -> its values"""
_RANGE = re.compile(
    r"^\s*(?P<first>-?[\d.]+?)\.\.(?P<last>-?\d[\d.]*)\s*(?:(?P<sign>[*+])\s*(?P<step>\d[\d.]*))?\s*$"
)


class Axis(msgspec.Struct, frozen=True):
    """What cells differ in."""

    path: str
    values: list[str]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One combination of values, and what is measured there: a profile without a section `sweep`."""

    number: int
    values: tuple[tuple[str, str], ...]
    """path and value on every axis, in the order of the axes"""
    profile: str = ""
    """the profile as YAML"""
    configurations: list[Configuration] = []
    """what one run of the profile measures"""
    refused: str = ""
    """why this combination cannot be measured; it is shown and passed over"""
    left_out: str = ""
    """why batch sizes or lengths that other cells measure do not fit the values of this one"""


class Slot(msgspec.Struct, frozen=True):
    """One repeat of one cell: what the conductor does next."""

    cell: int
    repeat: int


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `sweep.json`."""

    schema: int = SCHEMA
    name: str
    kind: Literal["sweep", "repeat", "ab"] = "sweep"
    """values of fields; one profile several times; profiles in turn"""
    engine: str
    """the engines with commas between, where profiles of several are measured in turn"""
    created: float
    """seconds since 1970"""
    axes: list[Axis]
    cells: list[Cell]
    repeat: int = 1
    order: Order = "interleaved"
    stop_on_failure: bool = False
    gpu_hz: float = 2.0

    def slots(self) -> list[Slot]:
        """Every repeat of every cell that can be measured, in the order of measuring.

        Interleaved: all cells once, then all cells again (A B A B), so that a drift of the machine reaches
        every cell alike. Grouped: every repeat of a cell before the next cell (A A B B).
        """
        cells = [cell.number for cell in self.cells if not cell.refused]
        if self.order == "grouped":
            return [Slot(cell, repeat) for cell in cells for repeat in range(self.repeat)]
        return [Slot(cell, repeat) for repeat in range(self.repeat) for cell in cells]


# --- axes --------------------------------------------------------------------------------------------------


def parse_axis(engine: str, text: str) -> tuple[str, list[Any]]:
    """An axis of the command line: `PATH=V1,V2`, or `PATH=8..64*2`, `PATH=0..9+3`, `PATH=1..4`.

    Values are YAML (`benchmark.input_output_len=[128,128],[512,64]`), text where the profile wants text.

    Raises:
        UserError: it is no axis.
    """
    path, separator, written = text.partition("=")
    path = path.strip()
    if not separator or not path or not written.strip():
        raise UserError(
            f"--axis {text}: expected PATH=V1,V2,... or PATH=FROM..TO*TIMES, like parallel.tp=1,2,4"
        )
    try:
        if found := _RANGE.match(written):
            step = float(found["step"]) if found["step"] else None
            times, plus = (step, None) if found["sign"] == "*" else (None, step)
            return path, list(stepped(float(found["first"]), float(found["last"]), times=times, plus=plus))
        return path, values_of(_list(engine, path, written))
    except ValueError as error:
        raise UserError(f"--axis {text}: {path}: {error}") from None


def _list(engine: str, path: str, written: str) -> list[Any]:
    kind = kind_at(engine, path)
    if kind is not None and is_text(kind):
        return [word.strip() for word in written.split(",")]
    values = parse_value(f"[{written}]")
    return values if isinstance(values, list) else [written]


def axes_of(profile: Profile, further: Sequence[str] = ()) -> Axes:
    """The axes of a profile; those of the command line replace or join them.

    Raises:
        UserError: an axis of the command line is none, or has values that its field does not take.
    """
    axes = {path: values_of(value) for path, value in profile.sweep.axes.items()} if profile.sweep else {}
    for text in further:
        path, values = parse_axis(profile.engine, text)
        problems = list(axis_problems(profile.engine, path, values))
        if problems:
            raise UserError("\n".join(f"--axis {text}: {p.path}: {p.message}" for p in problems))
        axes[path] = values
    return axes


def shown(value: Any) -> str:
    """A value as text: how cells are named."""
    return value if isinstance(value, str) else to_flow(value)


# --- cells -------------------------------------------------------------------------------------------------


def expand(profile: Profile, axes: Mapping[str, Sequence[Any]]) -> tuple[list[Axis], list[Cell]]:
    """The axes that need runs of their own, and the cell of every combination of their values.

    Lists that the benchmark measures in one process (batch sizes, lengths, weights percent) are put into the
    profile of every cell instead. A combination that a profile may not have (tp 3 with 8 heads) is a refused
    cell. A value that no combination allows is an error.

    Raises:
        UserError: a value fits no combination; the sentence is that of the first one.
    """
    base = to_data(profile)
    base.pop("sweep", None)
    outer = {path: values for path, values in axes.items() if not is_inside(profile.engine, path)}
    for path, values in axes.items():
        if path not in outer:
            set_path(base, path, list(values))
    cells = [
        _cell(number, base, dict(zip(outer, combination, strict=True)))
        for number, combination in enumerate(itertools.product(*outer.values()))
    ]
    made = [Axis(path, [shown(value) for value in values]) for path, values in outer.items()]
    _refuse_useless_values(made, cells)
    return made, cells


def alternate(profiles: Sequence[Profile]) -> tuple[list[Axis], list[Cell]]:
    """Whole profiles as cells, to measure them in turn.

    Raises:
        UserError: one cannot be planned, or two have the same name.
    """
    names = [profile.name for profile in profiles]
    if len(set(names)) < len(names):
        raise UserError(
            f"both profiles are called {names[0]}",
            hint="`trtbench-tui run PROFILE --repeat N` repeats one profile",
        )
    cells = []
    for number, profile in enumerate(profiles):
        data = to_data(profile)
        data.pop("sweep", None)
        cell = _planned(number, ((PROFILE, profile.name),), decode(data, profile.name))
        if cell.refused:
            raise UserError(f"{profile.name}: {cell.refused}")
        cells.append(cell)
    return [Axis(PROFILE, names)], cells


def _cell(number: int, base: Mapping[str, Any], values: Mapping[str, Any]) -> Cell:
    data = msgspec.json.decode(msgspec.json.encode(base))
    for path, value in values.items():
        set_path(data, path, value)
    named = tuple((path, shown(value)) for path, value in values.items())
    try:
        return _planned(number, named, decode(data, label(named) or "the profile"))
    except ProfileError as error:
        refused = "; ".join(f"{problem.path}: {problem.message}" for problem in error.problems)
        if "engine" in values:
            refused = (
                f"the profile is none of that engine ({error.problems[0].path}: {error.problems[0].message});"
                " `trtbench-tui ab A B` measures profiles of two engines in turn"
            )
            return Cell(number=number, values=named, refused=refused)
        smaller = _largest_that_fits(data)
        if smaller is None:
            return Cell(number=number, values=named, refused=refused)
        return msgspec.structs.replace(_planned(number, named, smaller), left_out=refused)


def _largest_that_fits(data: Mapping[str, Any]) -> Profile | None:
    """The profile with only the smaller batch sizes and lengths, as many as its other values allow.

    An engine built for batches of 8 cannot measure 64, but it can measure 1 and 8.
    """
    benchmark = data.get("benchmark")
    if not isinstance(benchmark, Mapping):
        return None
    batches = sorted(benchmark.get("batch_size") or [], key=float)
    lengths = sorted(benchmark.get("input_output_len") or [], key=sum)
    kept = [(b, n) for b in range(1, len(batches) + 1) for n in range(1, len(lengths) + 1)]
    for b, n in sorted(kept, key=lambda sizes: -sizes[0] * sizes[1]):
        fewer = {**benchmark, "batch_size": batches[:b], "input_output_len": lengths[:n]}
        try:
            return decode({**data, "benchmark": fewer}, "the profile")
        except ProfileError:
            continue
    return None


def _planned(number: int, named: tuple[tuple[str, str], ...], profile: Profile) -> Cell:
    try:
        plan = make_plan(profile)
    except UserError as error:
        return Cell(number=number, values=named, refused=str(error))
    return Cell(number=number, values=named, profile=to_yaml(profile), configurations=plan.configurations)


def _refuse_useless_values(axes: Sequence[Axis], cells: Sequence[Cell]) -> None:
    if not axes and cells[0].refused:
        raise UserError(cells[0].refused)
    for axis in axes:
        for value in axis.values:
            having = [cell for cell in cells if (axis.path, value) in cell.values]
            if all(cell.refused for cell in having):
                raise UserError(f"{axis.path} {value} fits no combination: {having[0].refused}")


def label(values: Sequence[tuple[str, str]]) -> str:
    """A cell in words: `tp 2 · dtype bfloat16`."""
    return " · ".join(f"{short(path)} {value}" for path, value in values)


def short(path: str) -> str:
    """The last part of a path, as axes are headed; batch sizes and lengths as everywhere."""
    return _SHORT.get(path, path.rpartition(".")[2])


LENGTHS, INPUT, BATCH, WEIGHTS, CONCURRENCY = INSIDE
REQUESTS = "benchmark.num_requests"
_SHORT = {BATCH: "batch", LENGTHS: "in/out", WEIGHTS: "weights", REQUESTS: "requests"}


def narrowed(
    profile: Profile, planned: Sequence[Configuration], wanted: Sequence[Configuration]
) -> tuple[Profile, list[Configuration]]:
    """The profile for a run of some of its planned configurations, and which of those it measures.

    One run measures all its batch sizes with all its lengths. So it takes the first wanted length, and every
    further length for which the same batch sizes are wanted; what is left needs another run.
    """
    if list(wanted) == list(planned):
        return profile, list(wanted)
    loads_at: dict[tuple[int, int, float], list[tuple[int, int]]] = {}
    for one in wanted:
        loads_at.setdefault(_lengths(one), []).append((one.batch_size, one.concurrency))
    first = next(iter(loads_at))
    chosen = [at for at, loads in loads_at.items() if loads == loads_at[first] and at[2] == first[2]]
    lists: dict[str, list[Any]] = {
        BATCH: [batch for batch, _ in loads_at[first]],
        CONCURRENCY: [concurrency for _, concurrency in loads_at[first] if concurrency],
        LENGTHS: [[at[0], at[1]] for at in chosen if at[1]],
        INPUT: [at[0] for at in chosen],
        WEIGHTS: [first[2]],
    }
    data = to_data(profile)
    for path, values in lists.items():
        if values and is_inside(profile.engine, path):
            set_path(data, path, values)
    return decode(data, profile.name), [one for one in wanted if _lengths(one) in chosen]


def _lengths(one: Configuration) -> tuple[int, int, float]:
    return (one.input_len, one.output_len, one.gpu_weights_percent)


# --- points: one configuration of one cell -----------------------------------------------------------------


def values_at(cell: Cell, one: Configuration) -> dict[str, str]:
    """What a configuration of a cell is, by the path of what it was asked for as; empty: does not apply."""
    in_flight = one.requests > 0
    return {
        **dict(cell.values),
        LENGTHS: f"{one.input_len}/{one.output_len}" if one.output_len else str(one.input_len),
        WEIGHTS: f"{one.gpu_weights_percent:g}",
        BATCH: "" if in_flight else str(one.batch_size),
        REQUESTS: str(one.requests) if in_flight else "",
        CONCURRENCY: (str(one.concurrency) if one.concurrency else "all at once") if in_flight else "",
    }
