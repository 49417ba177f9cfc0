"""The trend of the numbers of a profile over its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.history.run_entry import Figure, RunEntry
from runner.plan.plan import Configuration

BARS = "▁▂▃▄▅▆▇"
"""No full block: it would touch the bars in the row above."""
LEAST_RANGE = 0.05
"""A sparkline spans at least this share of its largest value: noise of 1 % must not look like a drop."""


@dataclass(frozen=True)
class TrendPoint:
    """One configuration of one run."""

    entry: RunEntry
    figure: Figure


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
        return list(dict.fromkeys((point.entry.engine, point.entry.gpus) for point in self.points))


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
    """Return the trend of the best configuration of the newest finished run, for runs of one profile."""
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
    return Trend(finished[-1].profile, tuple(points))


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
