"""A small braille plot of all iterations of a configuration: spikes stay visible, warm-up is shaded."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.state.configuration import ConfigurationState
from runner.stats import SeriesBucket
from tui.framework.rows import Row, Span
from tui.text import BrailleCanvas

SHADE = "░"
_LEAST_RANGE = 0.02
"""The scale spans at least this share of a latency, so that noise stays small."""


@dataclass(frozen=True)
class SparkData:
    """Latencies in order, milliseconds; long runs are merged into ranges."""

    warmup: tuple[float, ...] = ()
    n: int = 0
    """timed iterations"""
    each: int = 1
    """iterations per bucket"""
    points: tuple[SeriesBucket, ...] = field(default=(), compare=False)
    what: str = "iterations"

    @property
    def total(self) -> int:
        return len(self.warmup) + self.n


def spark_data(configuration: ConfigurationState) -> SparkData:
    """Return the iterations of a configuration; of its engine, if it serves requests."""
    if configuration.serving is not None:
        series = configuration.serving.engine.series
        return SparkData((), series.n, series.width, tuple(series.buckets), "engine iterations")
    series = configuration.series
    return SparkData(tuple(configuration.warmup), series.n, series.width, tuple(series.buckets))


def draw_spark(data: SparkData, width: int, height: int = 1) -> list[Row]:
    """Draw the plot in `height` rows of `width` cells, with a bar after warm-up; blank without data."""
    if not data.total or width < 4:
        return [(Span(" " * max(0, width)),)] * height
    warm = len(data.warmup)
    shaded = min(max(1, round((width - 1) * warm / data.total)), width - 2) if warm and data.n else 0
    shaded = width if not data.n else shaded
    scale = _scale(data)
    before = _dots(_columns(data, 0, warm, shaded * 2), scale, height)
    after = _dots(_columns(data, warm, data.total, max(0, width - shaded - bool(shaded)) * 2), scale, height)
    drawn: list[Row] = []
    for left, right in zip(before, after, strict=True):
        bar = "╎" if left and right else ""
        drawn.append((Span(left.replace(" ", SHADE) + bar, "dim"), Span(right, "accent")))
    return drawn


def _dots(columns: list[tuple[float, float]], scale: tuple[float, float], height: int) -> list[str]:
    """Draw one range per dot column as rows of braille; steps are connected to look like one line."""
    dots = BrailleCanvas(len(columns) // 2, height)
    last: tuple[int, int] | None = None
    for x, (low, high) in enumerate(columns):
        top, bottom = _dot(high, scale, height * 4), _dot(low, scale, height * 4)
        joined = (top, bottom) if last is None else (min(top, last[1] + 1), max(bottom, last[0] - 1))
        dots.column(x, *joined)
        last = top, bottom
    return [dots.row(y) for y in range(height)]


def _scale(data: SparkData) -> tuple[float, float]:
    """Return lowest and highest value; warm-up counts only if there are no timed iterations."""
    low = min([bucket.low for bucket in data.points] or data.warmup)
    high = max([bucket.high for bucket in data.points] or data.warmup)
    missing = max(0.0, _LEAST_RANGE * high - (high - low)) / 2
    return low - missing, high + missing


def _dot(value: float, scale: tuple[float, float], rows: int) -> int:
    low, high = scale
    share = (high - value) / (high - low) if high > low else 0.5
    return min(max(round(share * (rows - 1)), 0), rows - 1)


def _columns(data: SparkData, begin: int, end: int, columns: int) -> list[tuple[float, float]]:
    """Return smallest and largest latency per dot column; few iterations take several columns each.

    `begin` and `end` count warm-up and timed iterations together.
    """
    found = []
    for x in range(columns):
        first = begin + x * (end - begin) // columns
        last = max(first, begin + (x + 1) * (end - begin) // columns - 1)
        found.append(_range(data, first, last))
    return found


def _range(data: SparkData, first: int, last: int) -> tuple[float, float]:
    warm = len(data.warmup)
    covered = [(value, value) for value in data.warmup[first : last + 1]]
    if last >= warm:
        begin, end = max(0, first - warm) // data.each, (last - warm) // data.each
        covered += [(bucket.low, bucket.high) for bucket in data.points[begin : end + 1]]
    return min(low for low, _ in covered), max(high for _, high in covered)
