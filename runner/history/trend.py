"""The trend of the numbers of a profile over its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from runner.history.run_entry import Figure, RunEntry, best_figure
from runner.history.sweep_fold import LEAST, SweepFold, fold_sweep
from runner.plan.plan import Configuration
from runner.schema.axes import cell_label
from runner.util.formatting import plural

BARS = "▁▂▃▄▅▆▇"
"""No full block: it would touch the bars in the row above."""
LEAST_RANGE = 0.05
"""A sparkline spans at least this share of its largest value: noise of 1 % must not look like a drop."""


@dataclass(frozen=True)
class TrendPoint:
    """One configuration of one run, or of the runs of one sweep."""

    entry: RunEntry
    figure: Figure
    origin: str = ""
    """what the figure of a sweep is: `best of 4 cells: tp 2, mean of 3 runs`"""

    @property
    def runs(self) -> tuple[RunEntry, ...]:
        return self.entry.runs if isinstance(self.entry, SweepFold) else (self.entry,)


@dataclass(frozen=True)
class Trend:
    """One configuration of a profile over its runs, oldest first."""

    profile: str
    points: tuple[TrendPoint, ...]
    """never empty"""
    of: str = ""
    """model, type and parallelism if they differ between runs of the profile"""

    @property
    def title(self) -> str:
        shape = self.points[-1].figure.title
        return f"{shape} · {self.of}" if self.of else shape

    @property
    def tokens_per_sec(self) -> list[float | None]:
        return [point.figure.tokens_per_sec for point in self.points]

    @property
    def latency_ms(self) -> list[float | None]:
        return [point.figure.latency_ms for point in self.points]

    @property
    def platforms(self) -> list[tuple[str, tuple[str, ...]]]:
        """Engines and GPUs of the runs, each once; with more than one, the trend is not of the code alone."""
        return list(dict.fromkeys((run.engine, run.gpus) for run in self.runs))

    @property
    def runs(self) -> list[RunEntry]:
        return [run for point in self.points for run in point.runs]


def find_trends(entries: Iterable[RunEntry], profile: str) -> list[Trend]:
    """Return a trend for each configuration that finished runs of a profile measured.

    A trend has only equal configurations (batch size, lengths, share of weights) of the same model, data type
    and parallelism, which a changed field of the profile can change. Results of stopped and failed runs are
    left out. The best configuration of the newest run comes first, the others in the order of measuring.
    """
    finished = [entry for entry in entries if entry.profile == profile and entry.status == "finished"]
    finished.sort(key=lambda entry: entry.started)
    lines: dict[tuple[str, Configuration], list[TrendPoint]] = {}
    for entry in finished:
        for figure in entry.figures:
            lines.setdefault((entry.summary, figure.shape), []).append(TrendPoint(entry, figure))
    several = len({summary for summary, _ in lines}) > 1
    newest = next(((entry.summary, entry.best.shape) for entry in reversed(finished) if entry.best), None)
    return [
        Trend(profile, tuple(points), of=key[0] if several else "")
        for key, points in sorted(lines.items(), key=lambda line: line[0] != newest)
    ]


def main_trend(entries: Iterable[RunEntry]) -> Trend | None:
    """Return the trend of the best configuration of the newest finished run, for runs of one profile.

    A sweep is one point.
    """
    finished = sorted(
        (entry for entry in entries if entry.status == "finished" and entry.best),
        key=lambda entry: entry.started,
    )
    if not finished:
        return None
    newest = finished[-1]
    assert newest.best is not None
    points = [
        TrendPoint(entry, figure)
        for entry in finished
        for figure in entry.figures
        if (entry.summary, figure.shape) == (newest.summary, newest.best.shape)
    ]
    return fold_trend(Trend(newest.profile, tuple(points)))


def fold_trend(trend: Trend) -> Trend:
    """Return a trend of single runs with one point a sweep, at the start of its newest run.

    The figure of the point is that of the best cell; the figure of a cell is the mean of its runs.
    """
    sweeps: dict[str, list[TrendPoint]] = {}
    for point in trend.points:
        if point.entry.sweep is not None:
            sweeps.setdefault(point.entry.sweep.sweep, []).append(point)
    folds = {sweep: points for sweep, points in sweeps.items() if len(points) >= LEAST}
    points = [
        point for point in trend.points if not point.entry.sweep or point.entry.sweep.sweep not in folds
    ]
    points += [_fold(sweep, found) for sweep, found in folds.items()]
    return replace(trend, points=tuple(sorted(points, key=lambda point: point.entry.started)))


def _fold(sweep: str, points: Sequence[TrendPoint]) -> TrendPoint:
    cells: dict[int, list[TrendPoint]] = {}
    for point in points:
        cells.setdefault(point.entry.sweep.cell if point.entry.sweep else 0, []).append(point)
    means = {cell: _mean([point.figure for point in found]) for cell, found in cells.items()}
    best = best_figure(means.values())
    assert best is not None
    runs = next(found for cell, found in cells.items() if means[cell] is best)
    label = cell_label(member.values) if (member := runs[0].entry.sweep) else ""
    chosen = f"best of {len(cells)} cells: {label}" if len(cells) > 1 else ""
    averaged = f"mean of {plural(len(runs), 'run')}" if len(runs) > 1 else ""
    entry = fold_sweep(sweep, [point.entry for point in points], len(points))
    return TrendPoint(entry, best, ", ".join(filter(None, (chosen, averaged))))


def _mean(figures: Sequence[Figure]) -> Figure:
    rates = [figure.tokens_per_sec for figure in figures if figure.tokens_per_sec is not None]
    latencies = [figure.latency_ms for figure in figures if figure.latency_ms is not None]
    return Figure(figures[0].values, fmean(rates) if rates else None, fmean(latencies) if latencies else None)


def last_change(values: Sequence[float | None]) -> float | None:
    """Return the relative change of the last value: 0.02 is 2 % more; None without two values."""
    known = [value for value in values if value is not None]
    return known[-1] / known[-2] - 1 if len(known) > 1 and known[-2] else None


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Return the newest values as bars, at most `width` of them; a space for a missing value.

    The lowest bar is the smallest value, the highest bar the largest. The range is at least `LEAST_RANGE` of
    the largest value, so that small changes look small.
    """
    shown = list(values[-width:]) if width > 0 else []
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    steps = len(BARS) - 1
    least = abs(high) * LEAST_RANGE or 1.0
    if high - low < least:
        # Center a small change on the middle of one bar, not on the edge between two.
        low = (low + high) / 2 - least * (steps // 2) / steps
        high = low + least
    return "".join(
        " " if value is None else BARS[round(steps * (value - low) / (high - low))] for value in shown
    )
