"""The board: every configuration of every cell with its state and its numbers, repeats folded into one.

Plain data, made from the log of the sweep, the reports of its runs and the events of the current run. The
screen, the headless command and `sweeps show` draw it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal, NamedTuple

from runner.plan.plan import Configuration
from runner.schema.axes import cell_label, short_path
from runner.stats.repeats import deviation, middle
from runner.sweep.progress import SweepStatus
from runner.sweep.spec import BATCH, REQUESTS, SweepCell, SweepSpec, values_at

PointState = Literal[
    "queued", "running", "part", "done", "memory", "pruned", "failed", "stopped", "lost", "refused"
]
"""`part`: some repeats are measured, others are queued"""


@dataclass(frozen=True, slots=True)
class BoardAxis:
    """One dimension of the board: an axis of the sweep, or a list that one run measures."""

    path: str
    title: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """Mean and spread of a metric over the repeats of a point, as in a comparison.

    `runner.stats.repeats` computes both from the values of the runs.
    """

    mean: float
    """geometric; arithmetic if a value is not above 0"""
    deviation: float | None
    """standard deviation of the runs around the mean (n - 1), in the unit of the metric; None for one run"""
    n: int
    """runs with a value"""
    note: str = ""
    low: float | None = None
    high: float | None = None
    """95 % interval from the iterations of a single run; None: several runs, or no bound is known"""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run that measured a point."""

    run_dir: Path
    repeat: int
    live: bool


@dataclass(frozen=True, slots=True)
class BoardPoint:
    """One configuration of one cell, with all its repeats."""

    cell: int
    at: tuple[int, ...]
    """index of its value on every axis of the board"""
    label: str
    lengths: str
    """input and output length, `128/20`: only latencies of equal lengths are compared"""
    state: PointState
    why: str = ""
    """why there is no number, or fewer than expected"""
    activity: str = ""
    """what its run does now"""
    numbers: Mapping[str, MetricSummary] = field(default_factory=dict)
    """by the name of the metric"""
    runs: tuple[RunRef, ...] = ()
    """in the order of repeats"""


@dataclass(frozen=True)
class Board:
    """A sweep at one moment."""

    id: str
    sweep: SweepSpec
    status: SweepStatus
    why: str
    axes: tuple[BoardAxis, ...]
    points: tuple[BoardPoint, ...]
    completed: int
    """configurations that need no further run; every repeat counts"""
    total: int
    elapsed_s: float
    remaining_s: float | None
    """estimate, if the remaining runs take as long as those before; None: unknown"""
    cut_off: str = ""
    """why nothing new arrives of a sweep of another machine; empty: news arrive"""

    def metrics(self) -> list[str]:
        """Return the names of the metrics that at least one point has a number for."""
        return list(dict.fromkeys(name for point in self.points for name in point.numbers))


# --- axes --------------------------------------------------------------------------------------------------


def board_axes(sweep: SweepSpec) -> tuple[BoardAxis, ...]:
    """Return the axes on which points differ, those of the sweep first; for one point, its batch size."""
    every = [values_at(cell, one) for cell in sweep.cells for one in cell.configurations]
    sweep_axes = {axis.path: axis.values for axis in sweep.axes}
    paths = dict.fromkeys([*sweep_axes, *(path for values in every for path in values)])
    axes = []
    for path in paths:
        values = sweep_axes.get(path) or _ordered({values[path] for values in every if path in values})
        axes.append(BoardAxis(path, short_path(path), tuple(values)))
    varying = [
        axis
        for axis in axes
        if len(axis.values) > 1 and (axis.path in sweep_axes or _differs_in_a_cell(sweep, axis.path))
    ]
    return tuple(varying or [axis for axis in axes if axis.path in (BATCH, REQUESTS) and any(axis.values)])


def _differs_in_a_cell(sweep: SweepSpec, path: str) -> bool:
    """Check whether one run measures several values of a path; else the cell already determines the value."""
    return any(len({values_at(cell, one)[path] for one in cell.configurations}) > 1 for cell in sweep.cells)


def _ordered(values: set[str]) -> list[str]:
    """Sort numbers by size, lengths by their parts."""

    def size(value: str) -> tuple[float, ...]:
        try:
            return tuple(float(part) for part in value.split("/"))
        except ValueError:
            return (inf,)  # "all at once" comes last

    return sorted(values, key=size)


def all_configurations(sweep: SweepSpec) -> Iterator[Configuration]:
    """Yield every configuration that any cell measures, once."""
    yield from dict.fromkeys(one for cell in sweep.cells for one in cell.configurations)


def board_position(axes: tuple[BoardAxis, ...], cell: SweepCell, one: Configuration) -> tuple[int, ...]:
    """Return the index on every axis of a configuration of a cell."""
    values = values_at(cell, one)
    return tuple(axis.values.index(values[axis.path]) for axis in axes)


def point_label(axes: tuple[BoardAxis, ...], cell: SweepCell, one: Configuration) -> str:
    """Return the label of a configuration of a cell, as on the axes of the board."""
    values = values_at(cell, one)
    return cell_label([(axis.path, values[axis.path] or "–") for axis in axes])


# --- numbers -----------------------------------------------------------------------------------------------


class RunNumber(NamedTuple):
    """A number of one run, with the interval of its iterations."""

    value: float
    note: str = ""
    low: float | None = None
    high: float | None = None


Values = dict[str, RunNumber]
"""numbers of one run by the name of the metric"""


def fold_repeats(runs: list[Values]) -> dict[str, MetricSummary]:
    """Return mean and standard deviation of every metric over repeated runs."""
    found = {}
    for name in dict.fromkeys(name for run in runs for name in run):
        measured = [run[name] for run in runs if name in run]
        values = [one.value for one in measured]
        note = next((one.note for one in measured if one.note), "")
        low, high = (measured[0].low, measured[0].high) if len(measured) == 1 else (None, None)
        found[name] = MetricSummary(middle(values), deviation(values), len(values), note, low, high)
    return found
