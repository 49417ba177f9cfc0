"""The board: every configuration of every cell with its state and its numbers, repeats folded into one.

Made from the log of the sweep, the reports of its runs and the events of the run under way; plain data that
the screen, the headless command and `sweeps show` draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from runner.plan.plan import Configuration
from runner.stats.repeats import deviation, middle
from runner.sweep.progress import Status
from runner.sweep.spec import BATCH, REQUESTS, Cell, Sweep, label, short, values_at

PointState = Literal[
    "queued", "running", "part", "done", "memory", "pruned", "failed", "stopped", "lost", "refused"
]
"""`part`: some repeats are measured and the rest is to come"""


@dataclass(frozen=True, slots=True)
class BoardAxis:
    """What points differ in: an axis of the sweep, or a list that one run measures."""

    path: str
    title: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A metric over the repeats of a point: mean and spread of the runs' own values, as in a comparison.

    `runner.stats.repeats` says how both are made.
    """

    mean: float
    """geometric; arithmetic where a value is not above 0"""
    deviation: float | None
    """standard deviation of the runs around it (n - 1), in the unit of the metric; None for a single run"""
    n: int
    """runs with a value"""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run behind a point."""

    run_dir: Path
    repeat: int
    live: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One configuration of one cell, with all its repeats."""

    cell: int
    at: tuple[int, ...]
    """number of its value on every axis of the board"""
    label: str
    lengths: str
    """input and output length, `128/20`: latencies of different lengths are no alternatives"""
    state: PointState
    why: str = ""
    """why there is no number, or fewer than there should be"""
    doing: str = ""
    """what its run is at"""
    numbers: Mapping[str, Number] = field(default_factory=dict)
    """by the name of the metric"""
    runs: tuple[RunRef, ...] = ()
    """in the order of repeats"""


@dataclass(frozen=True)
class Board:
    """A sweep at one moment."""

    id: str
    sweep: Sweep
    status: Status
    why: str
    axes: tuple[BoardAxis, ...]
    points: tuple[Point, ...]
    settled: int
    """configurations, each repeat for itself, that need nothing more"""
    total: int
    elapsed_s: float
    remaining_s: float | None
    """what is left, if runs to come take as long as those before; None: not known yet"""

    def metrics(self) -> list[str]:
        """Names of the metrics that some point has a number for."""
        return list(dict.fromkeys(name for point in self.points for name in point.numbers))


# --- axes --------------------------------------------------------------------------------------------------


def board_axes(sweep: Sweep) -> tuple[BoardAxis, ...]:
    """The axes on which points differ, those of the sweep first; of a single point, its batch size."""
    every = [values_at(cell, one) for cell in sweep.cells for one in cell.configurations]
    of_sweeps = {axis.path: axis.values for axis in sweep.axes}
    paths = dict.fromkeys([*of_sweeps, *(path for values in every for path in values)])
    axes = []
    for path in paths:
        values = of_sweeps.get(path) or _ordered({values[path] for values in every if path in values})
        axes.append(BoardAxis(path, short(path), tuple(values)))
    telling = [
        axis
        for axis in axes
        if len(axis.values) > 1 and (axis.path in of_sweeps or _differs_in_a_cell(sweep, axis.path))
    ]
    return tuple(telling or [axis for axis in axes if axis.path in (BATCH, REQUESTS) and any(axis.values)])


def _differs_in_a_cell(sweep: Sweep, path: str) -> bool:
    """Whether runs measure several values of it; one that each cell has its own of is told by the cell."""
    return any(len({values_at(cell, one)[path] for one in cell.configurations}) > 1 for cell in sweep.cells)


def _ordered(values: set[str]) -> list[str]:
    """Numbers by size, lengths by their parts."""

    def size(value: str) -> tuple[float, ...]:
        try:
            return tuple(float(part) for part in value.split("/"))
        except ValueError:
            return (inf,)  # "all at once" comes last

    return sorted(values, key=size)


def configurations(sweep: Sweep) -> Iterator[Configuration]:
    """Every configuration that any cell measures, once."""
    yield from dict.fromkeys(one for cell in sweep.cells for one in cell.configurations)


def place(axes: tuple[BoardAxis, ...], cell: Cell, one: Configuration) -> tuple[int, ...]:
    values = values_at(cell, one)
    return tuple(axis.values.index(values[axis.path]) for axis in axes)


def point_label(axes: tuple[BoardAxis, ...], cell: Cell, one: Configuration) -> str:
    values = values_at(cell, one)
    return label([(axis.path, values[axis.path] or "–") for axis in axes])


# --- numbers -----------------------------------------------------------------------------------------------

Values = dict[str, tuple[float, str]]
"""of one run: metric -> value and note"""


def folded(runs: list[Values]) -> dict[str, Number]:
    """The metrics of several runs of the same thing: mean and standard deviation of their values."""
    found = {}
    for name in dict.fromkeys(name for run in runs for name in run):
        said = [run[name] for run in runs if name in run]
        values = [value for value, _ in said]
        note = next((note for _, note in said if note), "")
        found[name] = Number(middle(values), deviation(values), len(values), note)
    return found


# --- the best points ---------------------------------------------------------------------------------------


def frontier(points: list[tuple[float, float]]) -> list[int]:
    """Numbers of the points that no other beats: less `x` (latency) with at least as much `y`, or more `y`
    with at most as much `x`. In the order of x; of equal points the first.
    """
    best, found = float("-inf"), []
    for number in sorted(range(len(points)), key=lambda n: (points[n][0], -points[n][1])):
        if points[number][1] > best:
            best = points[number][1]
            found.append(number)
    return found
