"""How the numbers of a profile went from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.history.run_entry import Entry, Figure
from runner.plan.plan import Configuration

BARS = "▁▂▃▄▅▆▇█"
LEAST_RANGE = 0.05
"""A sparkline is at least this share of its largest value high: noise of 1 % must not look like a fall."""


@dataclass(frozen=True)
class Point:
    """One configuration as one run measured it."""

    entry: Entry
    figure: Figure


@dataclass(frozen=True)
class Trend:
    """One configuration of a profile from run to run, oldest first."""

    profile: str
    points: tuple[Point, ...]
    """never empty"""
    of: str = ""
    """what was measured, where the profile was run in several ways"""

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
        """Engines and GPUs of the runs, each once: with more than one, it is no trend of the code alone."""
        return list(dict.fromkeys((point.entry.engine, point.entry.gpus) for point in self.points))


def trends(entries: Iterable[Entry], profile: str) -> list[Trend]:
    """A trend for each configuration that finished runs of a profile measured.

    Only equal configurations (batch size, lengths, share of weights) of the same model, type and spread over
    GPUs are put in a line, which a changed field of a profile can change; and only of runs that finished:
    what a stopped or failed run had measured until then is left out. First the configuration that stands for
    the newest run, then the others in the order of measuring.
    """
    finished = [entry for entry in entries if entry.profile == profile and entry.status == "finished"]
    finished.sort(key=lambda entry: entry.started)
    lines: dict[tuple[str, Configuration], list[Point]] = {}
    for entry in finished:
        for figure in entry.figures:
            lines.setdefault((entry.summary, figure.shape), []).append(Point(entry, figure))
    several = len({summary for summary, _ in lines}) > 1
    newest = next(((entry.summary, entry.best.shape) for entry in reversed(finished) if entry.best), None)
    return [
        Trend(profile, tuple(points), of=key[0] if several else "")
        for key, points in sorted(lines.items(), key=lambda line: line[0] != newest)
    ]


def main_trend(entries: Iterable[Entry]) -> Trend | None:
    """Of runs of one profile: the trend of the configuration that stands for the newest finished one."""
    finished = sorted(
        (entry for entry in entries if entry.status == "finished" and entry.best),
        key=lambda entry: entry.started,
    )
    if not finished:
        return None
    newest = finished[-1]
    assert newest.best is not None
    points = [
        Point(entry, figure)
        for entry in finished
        for figure in entry.figures
        if (entry.summary, figure.shape) == (newest.summary, newest.best.shape)
    ]
    return Trend(finished[-1].profile, tuple(points))


def change(values: Sequence[float | None]) -> float | None:
    """Last value against the one before it, as a share: 0.02 is 2 % more; None without two values."""
    known = [value for value in values if value is not None]
    return known[-1] / known[-2] - 1 if len(known) > 1 and known[-2] else None


def spark(values: Sequence[float | None], width: int) -> str:
    """The newest values as bars, at most `width` of them; a gap where there is none.

    The lowest stands for the smallest value, the highest for the largest, and never for less than
    `LEAST_RANGE` of that, so what hardly changes is drawn as hardly changing.
    """
    shown = list(values[-width:]) if width > 0 else []
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    steps = len(BARS) - 1
    least = abs(high) * LEAST_RANGE or 1.0
    if high - low < least:
        # What changes less than that stands around the middle of one bar, not at the edge between two.
        low = (low + high) / 2 - least * (steps // 2) / steps
        high = low + least
    return "".join(
        " " if value is None else BARS[round(steps * (value - low) / (high - low))] for value in shown
    )
