"""Readings over time in bounded memory: means, and some extremes, of groups of raw samples.

A day of eight GPUs at 2 Hz has millions of readings, so built-in functions fold them ten seconds at a time,
all readings of all GPUs in one call.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, truediv

import msgspec

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

EXTREMES = ("memory", "power", "sm_clock")
"""Columns whose minimum and maximum are computed."""
AVERAGED = (*EXTREMES, "busy", "dram_active", "power_average", "sm_active", "tensor_active")
"""Columns that are folded."""
KEPT = ("sm_clock", "busy")
"""Columns that have a history over the whole run; they are neighbours in `AVERAGED`."""
_FIRST_KEPT = AVERAGED.index(KEPT[0])
_columns_of = attrgetter(*AVERAGED)


class ReadingCell(msgspec.Struct, frozen=True):
    """One reading of one GPU in a period: count, minimum, sum and maximum; nan: not one of `EXTREMES`."""

    n: int
    low: float
    total: float
    high: float

    @property
    def mean(self) -> float:
        return self.total / self.n


class ReadingTable(msgspec.Struct):
    """All readings of all GPUs within a period.

    In each list the GPUs of the first of `AVERAGED` come first, then those of the second; `low` and `high`
    end with the last of `EXTREMES`. A reading without a number has `n` 0.
    """

    gpus: int = 0
    n: list[int] = []
    low: list[float] = []
    total: list[float] = []
    high: list[float] = []

    def cell(self, reading: str, gpu: int) -> ReadingCell | None:
        if reading not in AVERAGED or gpu >= self.gpus:
            return None
        at = AVERAGED.index(reading) * self.gpus + gpu
        if not self.n[at]:
            return None
        low, high = (self.low[at], self.high[at]) if at < len(self.low) else (math.nan, math.nan)
        return ReadingCell(self.n[at], low, self.total[at], high)

    def highs(self, reading: str) -> list[float]:
        """Return the maximum of one of `EXTREMES` for each GPU; minus infinity: no number."""
        at = EXTREMES.index(reading) * self.gpus
        return self.high[at : at + self.gpus]


def fold(ticks: Sequence[GpuSamples], gpus: int) -> ReadingTable:
    """Return the cells of samples of the same GPUs."""
    if not ticks:
        return _fold_with_gaps((), gpus)
    rows = list(map(_columns_of, ticks))
    values: list[tuple[float, ...]] = []
    gaps = []
    try:
        for number, columns in enumerate(zip(*rows, strict=True)):
            numbers = list(zip(*columns, strict=True))
            if not numbers:
                gaps.append(number)
            elif len(numbers) != gpus:
                return _fold_with_gaps(rows, gpus)
            values += numbers
        total: list[float] = list(map(sum, values))
    except (TypeError, ValueError):  # a number is None, or a sample has fewer than another
        return _fold_with_gaps(rows, gpus)
    # Sorting is faster than minimum and maximum, which compare objects of any type.
    few = len(EXTREMES) - sum(number < len(EXTREMES) for number in gaps)
    ordered = list(map(sorted, values[: few * gpus]))
    table = ReadingTable(
        gpus, [len(ticks)] * len(values), [v[0] for v in ordered], total, [v[-1] for v in ordered]
    )
    for number in gaps:
        _insert_gap(table, number)
    return table


def _insert_gap(table: ReadingTable, number: int) -> None:
    """Insert a reading that no GPU has: its place among `AVERAGED`."""
    at, gpus = number * table.gpus, table.gpus
    table.n[at:at] = [0] * gpus
    table.total[at:at] = [0.0] * gpus
    if number < len(EXTREMES):
        table.low[at:at] = [math.inf] * gpus
        table.high[at:at] = [-math.inf] * gpus


def _fold_with_gaps(rows: Sequence[tuple[GpuColumn, ...]], gpus: int) -> ReadingTable:
    table = ReadingTable(gpus)
    for number in range(len(AVERAGED)):
        for gpu in range(gpus):
            column = [row[number][gpu] for row in rows if gpu < len(row[number])]
            present = [value for value in column if value is not None]
            table.n.append(len(present))
            table.total.append(sum(present))
            if number < len(EXTREMES):
                table.low.append(min(present, default=math.inf))
                table.high.append(max(present, default=-math.inf))
    return table


def joined(tables: Sequence[ReadingTable]) -> ReadingTable:
    """Return the cells of several periods as one."""
    gpus = max((table.gpus for table in tables), default=0)
    same = [table if table.gpus == gpus else _widened(table, gpus) for table in tables]
    return ReadingTable(
        gpus,
        list(map(sum, zip(*(table.n for table in same), strict=True))),
        list(map(min, zip(*(table.low for table in same), strict=True))),
        list(map(sum, zip(*(table.total for table in same), strict=True))),
        list(map(max, zip(*(table.high for table in same), strict=True))),
    )


def _widened(table: ReadingTable, gpus: int) -> ReadingTable:
    """Return a table of more GPUs, without numbers of the further ones."""
    wide = ReadingTable(gpus)
    for to, of, nothing in (
        (wide.n, table.n, 0),
        (wide.low, table.low, math.inf),
        (wide.total, table.total, 0.0),
        (wide.high, table.high, -math.inf),
    ):
        for at in range(0, len(of), table.gpus or 1):
            to += of[at : at + table.gpus] + [nothing] * (gpus - table.gpus)
    return wide


class ReadingMean(msgspec.Struct, frozen=True):
    t: int
    """start of the period, CLOCK_MONOTONIC in ns"""
    mean: float


class _Track(msgspec.Struct):
    """Means of readings of all GPUs in periods: one row per period, one place per reading of a GPU."""

    width: int
    t: array[int] = msgspec.field(default_factory=lambda: array("q"))
    mean: array[float] = msgspec.field(default_factory=lambda: array("d"))
    """nan: no number"""

    def add(self, t: int, mean: Iterable[float]) -> None:
        self.t.append(t)
        # An array from a list, and then from an array, takes a third of the time of `extend` with a list.
        self.mean += array("d", mean)

    def drop(self, rows: int) -> None:
        del self.t[:rows]
        del self.mean[: rows * self.width]

    def of(self, place: int) -> Iterator[ReadingMean]:
        rows = zip(self.t, self.mean[place :: self.width], strict=True)
        return (ReadingMean(t, mean) for t, mean in rows if not math.isnan(mean))


@dataclass(slots=True)
class ReadingHistory:
    """The `KEPT` readings of all GPUs: the last hours in periods of ten seconds, before that in minutes."""

    gpus: int = 0
    _fine: _Track = field(init=False)
    _coarse: _Track = field(init=False)

    def __post_init__(self) -> None:
        width = len(KEPT) * self.gpus
        self._fine, self._coarse = _Track(width), _Track(width)

    def add(self, t: int, table: ReadingTable) -> None:
        places = slice(_FIRST_KEPT * self.gpus, (_FIRST_KEPT + len(KEPT)) * self.gpus)
        n, total = table.n[places], table.total[places]
        try:
            mean = list(map(truediv, total, n))
        except ZeroDivisionError:
            mean = [one / count if count else math.nan for one, count in zip(total, n, strict=True)]
        self._fine.add(t, mean)
        if len(self._fine.t) >= FINE_BUCKETS + MERGED:
            self._merge_oldest()

    def means(self, reading: str, gpu: int) -> list[ReadingMean]:
        """Return the kept means of a reading of one GPU, oldest first."""
        if reading not in KEPT or gpu >= self.gpus:
            return []
        place = KEPT.index(reading) * self.gpus + gpu
        return [*self._coarse.of(place), *self._fine.of(place)]

    def _merge_oldest(self) -> None:
        """Merge the oldest periods into minutes; many at once, because the remaining ones have to move."""
        fine, width = self._fine, self._fine.width
        for first in range(0, MERGED, PER_MINUTE):
            rows = (fine.mean[row * width : (row + 1) * width] for row in range(first, first + PER_MINUTE))
            self._coarse.add(fine.t[first], map(_mean, zip(*rows, strict=True)))
        fine.drop(MERGED)
        if len(self._coarse.t) > 2 * COARSE_BUCKETS:
            self._coarse.drop(COARSE_BUCKETS)


def _mean(values: tuple[float, ...]) -> float:
    present = [value for value in values if value == value]
    return sum(present) / len(present) if present else math.nan
