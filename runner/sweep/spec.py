"""The definition of a sweep: axes, their cells, and the order of measuring. Pure; starts nothing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from runner.engines.registry import make_plan
from runner.plan.plan import Configuration, in_flight
from runner.profile.set_fields import set_path
from runner.profile.structs import kind_at
from runner.profile.sweep import axis_problems, is_inside
from runner.profile.yaml_file import ProfileError, decode, parse_value, to_data, to_flow, to_yaml
from runner.schema.axes import INSIDE, Order, cell_label, step_range, values_of
from runner.schema.base import Profile
from runner.schema.validation import is_text
from runner.sweep.tune_terms import TuneTerms
from runner.util.bounds import Count, Reading, Repeat, Wall
from runner.util.errors import UserError

SCHEMA = 1
MAX_CELLS = 200
PROFILE = "profile"
"""Name of the axis of a sweep whose cells are whole profiles."""

Axes = dict[str, list[Any]]
"""path in the profile -> its values"""
_RANGE = re.compile(
    r"^\s*(?P<first>-?[\d.]+?)\.\.(?P<last>-?\d[\d.]*)\s*(?:(?P<sign>[*+])\s*(?P<step>\d[\d.]*))?\s*$"
)


class SweepAxis(msgspec.Struct, frozen=True):
    """A field of the profile and the values that cells have for it."""

    path: str
    values: list[str]


class SweepCell(msgspec.Struct, frozen=True, kw_only=True):
    """One combination of values, with its profile (without the section `sweep`)."""

    number: Count
    values: tuple[tuple[str, str], ...]
    """path and value on every axis, in the order of the axes"""
    profile: str = ""
    """the profile as YAML"""
    configurations: list[Configuration] = []
    """configurations that one run of the profile measures"""
    refused: str = ""
    """why this combination cannot be measured; it is shown and skipped"""
    left_out: str = ""
    """why this cell cannot measure some batch sizes or lengths that other cells measure"""


class Slot(msgspec.Struct, frozen=True):
    """One repeat of one cell."""

    cell: int
    repeat: int


class SweepSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `sweep.json`."""

    schema: Count = SCHEMA
    name: str
    kind: Literal["sweep", "repeat", "ab", "tune"] = "sweep"
    """values of fields; one profile repeated; profiles alternately; cells chosen one after the other"""
    engine: str
    """separated by commas if the profiles have different engines"""
    created: Wall
    """seconds since 1970"""
    axes: list[SweepAxis]
    cells: list[SweepCell]
    repeat: Repeat = 1
    order: Order = "interleaved"
    stop_on_failure: bool = False
    gpu_hz: Reading = 2.0
    jobs: Count = 0
    """most jobs of Slurm at a time, in which runs take turns; 0: every run is started by itself"""
    preflight: bool = True
    """whether runs in jobs of Slurm end before their first stage if checks on their nodes fail"""
    tune: TuneTerms | None = None
    """of a tuning, whose only cell here is the baseline; the log has the others"""

    def slots(self) -> list[Slot]:
        """Return every repeat of every cell that can be measured, in the order of measuring.

        Interleaved: all cells once, then all cells in reverse (A B B A), so that each pair of passes measures
        all cells at the same time on average, and a linear drift of the machine cancels. Grouped: every
        repeat of a cell before the next cell (A A B B).
        """
        cells = [cell.number for cell in self.cells if not cell.refused]
        if self.order == "grouped":
            return [Slot(cell, repeat) for cell in cells for repeat in range(self.repeat)]
        return [
            Slot(cell, repeat)
            for repeat in range(self.repeat)
            for cell in (reversed(cells) if repeat % 2 else cells)
        ]


# --- axes --------------------------------------------------------------------------------------------------


def parse_axis(engine: str, text: str) -> tuple[str, list[Any]]:
    """Parse an axis of the command line: `PATH=V1,V2`, `PATH=8..64*2`, `PATH=0..9+3`, `PATH=1..4`.

    Values are YAML (`benchmark.input_output_len=[128,128],[512,64]`); for a text field they are text.

    Raises:
        UserError: the text is not a valid axis.
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
            return path, list(step_range(float(found["first"]), float(found["last"]), times=times, plus=plus))
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
    """Return the axes of a profile; axes of the command line are added or replace them.

    Raises:
        UserError: an axis of the command line is invalid, or has values that its field does not allow.
    """
    axes = {path: values_of(value) for path, value in profile.sweep.axes.items()} if profile.sweep else {}
    for text in further:
        path, values = parse_axis(profile.engine, text)
        problems = list(axis_problems(profile.engine, path, values))
        if problems:
            # Without the values, which may contain a secret.
            raise UserError("\n".join(f"--axis {p.path}: {p.message}" for p in problems))
        axes[path] = values
    return axes


def value_text(value: Any) -> str:
    """Return a value as text, for the label of a cell."""
    return value if isinstance(value, str) else to_flow(value)


# --- cells -------------------------------------------------------------------------------------------------


def expand_axes(
    profile: Profile, axes: Mapping[str, Sequence[Any]]
) -> tuple[list[SweepAxis], list[SweepCell]]:
    """Return the axes that need a run for each value, and the cell of every combination of their values.

    Lists that the benchmark measures in one process (batch sizes, lengths, weights percent) become lists in
    the profile of every cell. A combination that is no valid profile (tp 3 with 8 heads) is a refused cell.
    A value that no combination allows is an error.

    Raises:
        UserError: no combination allows a value; the message is that of the first combination.
    """
    base = to_data(profile)
    base.pop("sweep", None)
    outer = {path: values for path, values in axes.items() if not is_inside(profile.engine, path)}
    for path, values in axes.items():
        if path not in outer:
            set_path(base, path, list(values))
    cells = [
        make_cell(number, base, dict(zip(outer, combination, strict=True)))
        for number, combination in enumerate(itertools.product(*outer.values()))
    ]
    made = [SweepAxis(path, [value_text(value) for value in values]) for path, values in outer.items()]
    _reject_unusable_values(made, cells)
    return made, cells


def cells_of_profiles(profiles: Sequence[Profile]) -> tuple[list[SweepAxis], list[SweepCell]]:
    """Return one cell for each profile, to measure them alternately.

    Raises:
        UserError: one cannot be planned, or two have the same name.
    """
    names = [profile.name for profile in profiles]
    if len(set(names)) < len(names):
        raise UserError(
            f"two profiles have the same name: {names[0]}",
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
    return [SweepAxis(PROFILE, names)], cells


def make_cell(number: int, base: Mapping[str, Any], values: Mapping[str, Any]) -> SweepCell:
    """Return the cell of a combination of values.

    Args:
        number: of the cell.
        base: plain data of the profile, without the section `sweep`.
        values: by path.
    """
    data = msgspec.json.decode(msgspec.json.encode(base))
    for path, value in values.items():
        set_path(data, path, value)
    named = tuple((path, value_text(value)) for path, value in values.items())
    try:
        return _planned(number, named, decode(data, cell_label(named) or "the profile"))
    except ProfileError as error:
        refused = "; ".join(f"{problem.path}: {problem.message}" for problem in error.problems)
        if "engine" in values:
            first = error.problems[0]
            refused = (
                f"the profile does not fit that engine ({first.path}: {first.message});"
                " `trtbench-tui ab A B` measures profiles of two engines alternately"
            )
            return SweepCell(number=number, values=named, refused=refused)
        smaller = _largest_that_fits(data)
        if smaller is None:
            return SweepCell(number=number, values=named, refused=refused)
        return msgspec.structs.replace(_planned(number, named, smaller), left_out=refused)


def _largest_that_fits(data: Mapping[str, Any]) -> Profile | None:
    """Return the profile with the largest valid subset of the smaller batch sizes and lengths.

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


def _planned(number: int, named: tuple[tuple[str, str], ...], profile: Profile) -> SweepCell:
    try:
        plan = make_plan(profile)
    except UserError as error:
        return SweepCell(number=number, values=named, refused=str(error))
    return SweepCell(
        number=number, values=named, profile=to_yaml(profile), configurations=plan.configurations
    )


def _reject_unusable_values(axes: Sequence[SweepAxis], cells: Sequence[SweepCell]) -> None:
    if not axes and cells[0].refused:
        raise UserError(cells[0].refused)
    for axis in axes:
        for value in axis.values:
            having = [cell for cell in cells if (axis.path, value) in cell.values]
            if all(cell.refused for cell in having):
                raise UserError(f"{axis.path} {value} fits no combination: {having[0].refused}")


LENGTHS, INPUT, BATCH, WEIGHTS, CONCURRENCY = INSIDE
REQUESTS = "benchmark.num_requests"


def narrow_profile(
    profile: Profile, planned: Sequence[Configuration], wanted: Sequence[Configuration]
) -> tuple[Profile, list[Configuration]]:
    """Return a profile for one run of some of its planned configurations, and those that it measures.

    One run measures all its batch sizes with all its lengths. It takes the first wanted length and every
    other length for which the same batch sizes are wanted; the rest needs another run.
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


def values_at(cell: SweepCell, one: Configuration) -> dict[str, str]:
    """Return the value of a configuration of a cell for every path; empty: does not apply."""
    serving = in_flight(one)
    return {
        **dict(cell.values),
        LENGTHS: f"{one.input_len}/{one.output_len}" if one.output_len else str(one.input_len),
        WEIGHTS: f"{one.gpu_weights_percent:g}",
        BATCH: "" if serving else str(one.batch_size),
        REQUESTS: str(one.requests) if one.requests else "",
        CONCURRENCY: (str(one.concurrency) if one.concurrency else "all at once") if serving else "",
    }
