"""Readings over time in bounded memory: groups of raw samples, then minimum, mean and maximum.

A day of eight GPUs at 2 Hz has millions of readings, so the built-in `min`, `max` and `sum` fold them by
column, ten seconds at a time.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, truediv
from typing import NamedTuple

from runner.events import GpuColumn, GpuSamples

GROUP_S = 10
PER_MINUTE = 60 // GROUP_S
MERGED = 60 * PER_MINUTE
RECENT_TICKS = 120
"""Number of raw samples that are always kept; more would not fit into the processor's cache."""
MOST_GROUPS = 60
"""At most ten minutes of raw samples are kept, for an iteration that is not finished."""
FINE_BUCKETS = 2160
"""Six hours of ten seconds."""
COARSE_BUCKETS = 10080
"""A week of minutes."""

KEPT = ("memory", "busy", "power", "sm_clock", "dram_active")
"""Columns that have a history over the whole run."""
AVERAGED = (*KEPT, "power_average", "sm_active", "tensor_active")
"""Columns that are folded."""
_COLUMNS = {name: attrgetter(name) for name in AVERAGED}


class ReadingCell(NamedTuple):
    """One reading of one GPU within a period: count, minimum, sum and maximum."""

    n: int
    low: float
    total: float
    high: float

    @property
    def mean(self) -> float:
        return self.total / self.n


@dataclass(slots=True)
class ReadingCells:
    """One reading of all GPUs within a period; a GPU without a number has n 0."""

    n: list[int]
    low: list[float]
    total: list[float]
    high: list[float]

    def cell(self, gpu: int) -> ReadingCell | None:
        if gpu >= len(self.n) or not self.n[gpu]:
            return None
        return ReadingCell(self.n[gpu], self.low[gpu], self.total[gpu], self.high[gpu])


ReadingTable = dict[str, ReadingCells]


def fold(ticks: Sequence[GpuSamples]) -> ReadingTable:
    """Return the cells of samples of the same GPUs, by column."""
    table: ReadingTable = {}
    for name, column_of in _COLUMNS.items():
        columns: list[GpuColumn] = list(filter(None, map(column_of, ticks)))
        if columns:
            table[name] = _cells(list(zip(*columns, strict=False)))
    return table


def _cells(values: list[tuple[float | None, ...]]) -> ReadingCells:
    try:
        total: list[float] = list(map(sum, values))  # type: ignore[arg-type]
    except TypeError:  # one of them is None
        present = [[value for value in column if value is not None] for column in values]
        return ReadingCells(
            list(map(len, present)),
            [min(column, default=math.inf) for column in present],
            [float(sum(column)) for column in present],
            [max(column, default=-math.inf) for column in present],
        )
    return ReadingCells(
        [len(values[0])] * len(values),
        list(map(min, values)),  # type: ignore[arg-type]
        total,
        list(map(max, values)),  # type: ignore[arg-type]
    )


def joined(tables: Sequence[ReadingTable]) -> ReadingTable:
    """Return the cells of several periods as one, by column."""
    whole: ReadingTable = {}
    for name in dict.fromkeys(name for table in tables for name in table):
        parts = [table[name] for table in tables if name in table]
        whole[name] = ReadingCells(
            list(map(sum, zip(*(part.n for part in parts), strict=False))),
            list(map(min, zip(*(part.low for part in parts), strict=False))),
            list(map(sum, zip(*(part.total for part in parts), strict=False))),
            list(map(max, zip(*(part.high for part in parts), strict=False))),
        )
    return whole


@dataclass(slots=True)
class SampleGroup:
    """Raw samples of ten seconds, and their cells once the group is full."""

    ticks: list[GpuSamples] = field(default_factory=list)
    table: ReadingTable | None = None

    @property
    def begin(self) -> int:
        return self.ticks[0].t

    @property
    def end(self) -> int:
        return self.ticks[-1].t


class ReadingBucket(NamedTuple):
    t: int
    """start of the period, CLOCK_MONOTONIC in ns"""
    low: float
    mean: float
    high: float


@dataclass(slots=True)
class _Track:
    """One reading of all GPUs in periods: one row per period, one place per GPU."""

    gpus: int
    t: array[int] = field(default_factory=lambda: array("q"))
    low: array[float] = field(default_factory=lambda: array("d"))
    mean: array[float] = field(default_factory=lambda: array("d"))
    high: array[float] = field(default_factory=lambda: array("d"))

    def add(self, t: int, low: Iterable[float], mean: Iterable[float], high: Iterable[float]) -> None:
        self.t.append(t)
        self.low.extend(low)
        self.mean.extend(mean)
        self.high.extend(high)

    def drop(self, rows: int) -> None:
        del self.t[:rows]
        for values in (self.low, self.mean, self.high):
            del values[: rows * self.gpus]

    def of(self, gpu: int) -> Iterator[ReadingBucket]:
        step = slice(gpu, None, self.gpus)
        rows = zip(self.t, self.low[step], self.mean[step], self.high[step], strict=True)
        return (ReadingBucket(*row) for row in rows if row[1] <= row[3])


@dataclass(slots=True)
class ReadingHistory:
    """One reading of all GPUs: the last hours in periods of ten seconds, before that in minutes."""

    gpus: int
    _fine: _Track = field(init=False)
    _coarse: _Track = field(init=False)

    def __post_init__(self) -> None:
        self._fine, self._coarse = _Track(self.gpus), _Track(self.gpus)

    def add(self, t: int, cells: ReadingCells) -> None:
        try:
            mean = list(map(truediv, cells.total, cells.n))
        except ZeroDivisionError:
            mean = [total / n if n else math.nan for total, n in zip(cells.total, cells.n, strict=True)]
        self._fine.add(t, cells.low, mean, cells.high)
        if len(self._fine.t) >= FINE_BUCKETS + MERGED:
            self._merge_oldest()

    def buckets(self, gpu: int) -> list[ReadingBucket]:
        """Return the kept buckets of one GPU, oldest first."""
        return [*self._coarse.of(gpu), *self._fine.of(gpu)]

    def _merge_oldest(self) -> None:
        """Merge the oldest periods into minutes; many at once, because the remaining ones have to move."""
        fine, gpus = self._fine, self.gpus

        def rows(values: array[float], first: int) -> list[list[float]]:
            return [
                values[row * gpus : (row + 1) * gpus].tolist() for row in range(first, first + PER_MINUTE)
            ]

        for first in range(0, MERGED, PER_MINUTE):
            low = map(min, *rows(fine.low, first))
            high = map(max, *rows(fine.high, first))
            mean = map(_mean, zip(*rows(fine.mean, first), strict=True))
            self._coarse.add(fine.t[first], low, mean, high)
        fine.drop(MERGED)
        if len(self._coarse.t) > 2 * COARSE_BUCKETS:
            self._coarse.drop(COARSE_BUCKETS)


def _mean(values: tuple[float, ...]) -> float:
    present = [value for value in values if value == value]
    return sum(present) / len(present) if present else math.nan
