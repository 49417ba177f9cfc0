"""A plot of latency over time in braille: every spike stays visible, and the axes change only in steps.

A dot column shows the range of the latencies in it, connected to its neighbours. Warm-up is the shaded part
on the left; it is drawn but does not affect the scale. Lines show mean and percentiles, letters mark outliers
with their cause, and GPU readings are drawn below on the same time axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from runner.stats import SeriesBucket
from tui.framework.rows import Row, Span, dim, row
from tui.plots.axes import (
    draw_segment,
    empty_plot,
    gutter_for,
    place_labels,
    scale_for,
    time_label,
    time_step,
    y_axis,
)
from tui.text import BrailleCanvas, align_right, fit

WARM_UP = "░"
MARGIN = 5
"""columns on the right for the names of the lines"""
LINES = {"p50": "┈", "mean": "┄", "p95": "╌"}
LANE_HEIGHTS = ((13, 1), (18, 2), (26, 5), (36, 9))
"""(minimum rows of the plot, number of GPU lines below it)"""


class OutlierMark(msgspec.Struct, frozen=True):
    """An outlier: its end (seconds since the start of timing), latency, and the letter of its cause."""

    at: float
    latency: float
    letter: str


class GpuLane(msgspec.Struct, frozen=True):
    """A GPU reading along the time axis, in slots of equal length."""

    name: str
    top: float
    """the reading that is drawn at full height"""
    slots: tuple[float | None, ...] = ()
    """None: no reading"""


class LatencyPlotData(msgspec.Struct, frozen=True):
    """The data of the plot. Times are seconds since the start of timing; warm-up is negative."""

    empty: str = "waiting for the first iteration"
    """text while there is no data"""
    begin: float = 0.0
    end: float = 1.0
    """of the time axis"""
    warmup: tuple[tuple[float, float], ...] = ()
    """end and latency of each iteration"""
    n: int = 0
    """timed iterations"""
    lines: tuple[tuple[str, float], ...] = ()
    """names (see LINES) and latencies"""
    marks: tuple[OutlierMark, ...] = ()
    lanes: tuple[GpuLane, ...] = ()
    origin: int = 0
    """the start of timing, CLOCK_MONOTONIC in ns"""
    points: tuple[SeriesBucket, ...] = ()
    """the series of the timed iterations; changes only together with `n`"""

    @property
    def span(self) -> float:
        return self.end - self.begin


def draw_latency_plot(data: LatencyPlotData, width: int, height: int) -> list[Row]:
    if (not data.warmup and not data.n) or height < 3 or width < 24:
        return empty_plot(data.empty, width, height)
    lanes = data.lanes[: max((count for least, count in LANE_HEIGHTS if height >= least), default=0)]
    body = height - 1 - len(lanes)
    lows = [bucket.low for bucket in data.points] or [latency for _, latency in data.warmup]
    highs = [bucket.high for bucket in data.points] or [latency for _, latency in data.warmup]
    scale = scale_for(min(lows), max(highs), max(2, body // 2))
    labels = scale.labels(body)
    gutter = gutter_for(labels)
    margin = MARGIN if width >= 60 and data.lines else 0
    plot = width - gutter - 2 - margin
    shaded = math.ceil(min(1.0, -data.begin / data.span) * plot) if data.begin < 0 else 0
    dots, tops = _curve(data, scale.dot_row, plot, body)
    named = {scale.dot_row(value, body) // 4: name for name, value in data.lines}
    marks = _marks(data, tops, plot)
    rows = []
    for y in range(body):
        name = named.get(y, "")
        behind = LINES.get(name, " ")
        spans = _body(dots.row(y), shaded, behind, marks.get(y, {}))
        rows.append(
            (
                y_axis(labels, y, gutter),
                *spans,
                *([dim(align_right(name, margin))] if margin and name else []),
            )
        )
    rows.append(row(dim(" " * (gutter + 2) + _times(data, plot, shaded))))
    return rows + [_lane(lane, gutter, plot) for lane in lanes]


def _column(at: float, data: LatencyPlotData, columns: int) -> int:
    return min(max(0, int((at - data.begin) / data.span * columns)), columns - 1)


def _curve(
    data: LatencyPlotData, dot_row: Callable[[float, int], int], plot: int, body: int
) -> tuple[BrailleCanvas, dict[int, int]]:
    """Draw the curve; return the dots and the highest dot row per column of cells."""
    dots = BrailleCanvas(plot, body)
    columns = plot * 2
    # A dot column is one stroke from the lowest to the highest latency in it.
    strokes: dict[int, tuple[float, float]] = {}
    for at, latency in data.warmup:
        x = _column(at, data, columns)
        low, high = strokes.get(x, (latency, latency))
        strokes[x] = (min(low, latency), max(high, latency))
    begin, scale, origin, last = data.begin, columns / data.span / 1e9, data.origin, columns - 1
    zero = -begin * columns / data.span
    for bucket in data.points:
        x = int((bucket.t - origin) * scale + zero)
        x = 0 if x < 0 else last if x > last else x
        stroke = strokes.get(x)
        if stroke is None:
            strokes[x] = (bucket.low, bucket.high)
        else:
            strokes[x] = (min(stroke[0], bucket.low), max(stroke[1], bucket.high))
    tops: dict[int, int] = {}
    before: tuple[int, float] | None = None
    spacious = len(strokes) * 8 <= columns
    for x, (low, high) in sorted(strokes.items()):
        top, bottom = dot_row(high, body), dot_row(low, body)
        dots.column(x, top, bottom)
        tops[x // 2] = min(top, tops.get(x // 2, top))
        if spacious:
            # Few points far apart: draw large dots, which are visible on the line.
            dots.column(min(x + 1, last), top, bottom + 1)
            dots.column(x, top, bottom + 1)
        here = (x, (top + bottom) / 2)
        if before is not None:
            draw_segment(dots, before, here)
        before = here
    return dots, tops


def _marks(data: LatencyPlotData, tops: dict[int, int], plot: int) -> dict[int, dict[int, str]]:
    """Return letters by row and column: above the stroke of the iteration if possible."""
    marks: dict[int, dict[int, str]] = {}
    for mark in data.marks:
        column = _column(mark.at, data, plot * 2) // 2
        y = max(0, tops.get(column, 0) // 4 - 1)
        marks.setdefault(y, {})[column] = mark.letter
    return marks


def _body(line: str, shaded: int, behind: str, marks: dict[int, str]) -> list[Span]:
    """Draw a row of the plot: marks, the curve in the accent colour, and a dim background."""
    spans: list[Span] = []
    run, style = "", "dim"
    for x, char in enumerate(line):
        mark = marks.get(x)
        wanted = "warn" if mark else "accent" if char != " " else "dim"
        if wanted != style and run:
            spans.append(Span(run, style))
            run = ""
        style = wanted
        run += mark or (char if char != " " else WARM_UP if x < shaded else behind)
    return [*spans, Span(run, style)]


def _times(data: LatencyPlotData, plot: int, shaded: int) -> str:
    """Times below the plot, and what the shaded part is."""
    step = time_step(data.end, plot - shaded) if data.end > 0 else 1.0
    count = int(data.end / step + 1e-9) if data.end > 0 else -1
    times = [
        (round((step * k - data.begin) / data.span * plot), time_label(step * k, step))
        for k in range(count + 1)
    ]
    if not shaded:
        return place_labels(times, plot)
    name = "warm-up"
    return name + place_labels(times, plot, after=max(len(name) + 1, shaded - 1))[len(name) :]


def _lane(lane: GpuLane, gutter: int, plot: int) -> Row:
    """Draw a reading as columns of dots, two per cell; a gap where there is no reading."""
    dots = BrailleCanvas(plot, 1)
    columns, slots = plot * 2, lane.slots
    for x in range(columns if slots else 0):
        first, after = x * len(slots) // columns, (x + 1) * len(slots) // columns
        values = [value for value in slots[first : max(after, first + 1)] if value is not None]
        if values and lane.top > 0:
            height = min(3, round(min(sum(values) / len(values) / lane.top, 1.0) * 3))
            dots.column(x, 3 - height, 3)
    return row(dim(fit(align_right(lane.name, gutter), gutter) + " │"), Span(dots.row(0), "accent"))
