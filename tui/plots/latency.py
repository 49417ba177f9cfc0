"""A plot of latency over time in braille: every spike stays visible, and the axes change only in steps.

A dot column shows the range of the latencies in it, connected to its neighbours; few points are large dots.
Warm-up is the shaded part on the left; it is drawn but does not affect the scale. Lines show the median and
that of the baseline, a dotted band goes from p5 to p95, letters mark outliers with their cause, and GPU
readings are drawn below on the same time axis.

The linear axis leaves out outliers that would flatten the others: arrows at its edge mark them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import groupby
from typing import Literal

import msgspec

from runner.stats import SeriesBucket
from tui.framework.rows import Row, Span, dim, row
from tui.plots.axes import (
    AxisScale,
    LogScale,
    draw_segment,
    empty_plot,
    gutter_for,
    log_scale_for,
    place_labels,
    scale_for,
    time_label,
    time_step,
    y_axis,
)
from tui.text import BrailleCanvas, align_right, braille_columns, fit

AxisMode = Literal["linear", "log", "full"]
"""the y axis: linear without outliers, logarithmic, linear from the lowest to the highest value"""
WARM_UP = "░"
BAND, POINT = "·", "•"
ABOVE, BELOW = "▴", "▾"
MARGIN = 5
"""columns on the right for the names of the lines"""
LINES = {"p50": "┈", "base": "╌"}
"""median of this run and of the baseline"""
CELLS_PER_POINT = 4
"""From this many columns a point on, points are drawn as large dots."""
BASELINE_ROOM = 0.04
"""A baseline farther away than this share of the latency, and than their range, is named at the edge."""
_RUNS = re.compile(" +|[^ ]+")
LANE_HEIGHTS = ((13, 1), (18, 2), (26, 5), (36, 10), (60, 18))
"""(minimum rows of the plot, number of GPU lines below it)"""
LANES_OF_ALL = 2
"""lanes of all GPUs together, which come first"""


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
    band: tuple[float, float] | None = None
    """p5 and p95; None: too few iterations"""
    axis: AxisMode = "linear"
    most: tuple[float, float] | None = None
    """range of the latencies without outliers, for the linear axis; None: none flattens the others"""
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
    lanes = _fitting_lanes(data.lanes, height)
    body = height - 1 - len(lanes)
    scale = _scale(data, max(2, body // 2))
    labels = scale.labels(body)
    gutter = gutter_for(labels)
    margin = MARGIN if width >= 60 and data.lines else 0
    plot = width - gutter - 2 - margin
    shaded = math.ceil(min(1.0, -data.begin / data.span) * plot) if data.begin < 0 else 0
    curve = _curve(data, scale, plot, body)
    names, behind = _lines(data, scale, body)
    marks = _marks(data, curve, plot, body)
    rows = []
    for y in range(body):
        spans = _body(curve, y, shaded, behind.get(y, " "), marks.get(y, {}))
        name = names.get(y, "")
        rows.append(
            (
                y_axis(labels, y, gutter),
                *spans,
                *([dim(align_right(name, margin))] if margin and name else []),
            )
        )
    rows.append(row(dim(" " * (gutter + 2) + _times(data, plot, shaded))))
    return rows + [_lane(lane, gutter, plot) for lane in lanes]


def _fitting_lanes(lanes: tuple[GpuLane, ...], height: int) -> tuple[GpuLane, ...]:
    """Return all lanes; without room those of all GPUs together, because some GPUs alone would mislead."""
    room = max((count for least, count in LANE_HEIGHTS if height >= least), default=0)
    return lanes if len(lanes) <= room else lanes[: min(room, LANES_OF_ALL)]


def _scale(data: LatencyPlotData, most_ticks: int) -> AxisScale | LogScale:
    """Return the scale of the y axis; warm-up counts only if there are no timed iterations."""
    if data.axis == "linear" and data.most is not None:
        low, high = data.most
    else:
        low = min([bucket.low for bucket in data.points] or [latency for _, latency in data.warmup])
        high = max([bucket.high for bucket in data.points] or [latency for _, latency in data.warmup])
    room = max(high - low, BASELINE_ROOM * high)
    for name, value in data.lines:
        if name == "base" and low - room <= value <= high + room:
            low, high = min(low, value), max(high, value)
    return (log_scale_for if data.axis == "log" else scale_for)(low, high, most_ticks)


def _lines(
    data: LatencyPlotData, scale: AxisScale | LogScale, body: int
) -> tuple[dict[int, str], dict[int, str]]:
    """Return the names in the margin and the backgrounds of the rows: lines, and the band from p5 to p95."""
    names: dict[int, str] = {}
    behind: dict[int, str] = {}
    for name, value in data.lines:
        y = scale.dot_row(value, body) // 4
        if scale.low <= value <= scale.high:
            behind.setdefault(y, LINES[name])
            names.setdefault(y, name)
        else:
            names.setdefault(y, f"{name}{'↑' if value > scale.high else '↓'}")
    if data.band is not None:
        low, high = (scale.dot_row(value, body) // 4 for value in data.band)
        names.setdefault(high, "p95")
        names.setdefault(low, "p5")
        for y in range(high, low + 1):
            behind.setdefault(y, BAND)
    return names, behind


class _Curve(msgspec.Struct):
    """What is drawn of the iterations, in cells of the plot."""

    dots: BrailleCanvas
    tops: dict[int, int]
    """column -> highest dot row"""
    points: dict[int, set[int]]
    """row -> columns with a large dot; empty: there are too many"""
    above: set[int]
    below: set[int]
    """columns with a timed iteration outside of the scale"""


def _column(at: float, data: LatencyPlotData, columns: int) -> int:
    return min(max(0, int((at - data.begin) / data.span * columns)), columns - 1)


def _curve(data: LatencyPlotData, scale: AxisScale | LogScale, plot: int, body: int) -> _Curve:
    dots = BrailleCanvas(plot, body)
    columns = plot * 2
    # A dot column is one stroke from the lowest to the highest latency in it.
    strokes: dict[int, tuple[float, float]] = {}
    for at, latency in data.warmup:
        x = _column(at, data, columns)
        low, high = strokes.get(x, (latency, latency))
        strokes[x] = (min(low, latency), max(high, latency))
    begin, per_ns, origin, last = data.begin, columns / data.span / 1e9, data.origin, columns - 1
    zero = -begin * columns / data.span
    for bucket in data.points:
        x = int((bucket.t - origin) * per_ns + zero)
        x = 0 if x < 0 else last if x > last else x
        low, high = bucket.low, bucket.high
        stroke = strokes.get(x)
        if stroke is not None:
            low, high = min(stroke[0], low), max(stroke[1], high)
        strokes[x] = (low, high)
    outside: tuple[set[int], set[int]] = set(), set()
    if data.most is not None and data.axis == "linear":
        timed = max(0, math.ceil(zero))  # warm-up does not affect the scale
        outside = (
            {x // 2 for x, (_, high) in strokes.items() if high > scale.high and x >= timed},
            {x // 2 for x, (low, _) in strokes.items() if low < scale.low and x >= timed},
        )
    tops: dict[int, int] = {}
    points: dict[int, set[int]] = {}
    before: tuple[int, float] | None = None
    few = len(strokes) * CELLS_PER_POINT <= plot
    for x, (low, high) in sorted(strokes.items()):
        top, bottom = scale.dot_row(high, body), scale.dot_row(low, body)
        dots.column(x, top, bottom)
        tops[x // 2] = min(top, tops.get(x // 2, top))
        if few:
            points.setdefault(top // 4, set()).add(x // 2)
            points.setdefault(bottom // 4, set()).add(x // 2)
        here = (x, (top + bottom) / 2)
        if before is not None:
            draw_segment(dots, before, here)
        before = here
    return _Curve(dots, tops, points, *outside)


def _marks(data: LatencyPlotData, curve: _Curve, plot: int, body: int) -> dict[int, dict[int, str]]:
    """Return letters and arrows by row and column; a letter is above its stroke if possible."""
    marks: dict[int, dict[int, str]] = {0: dict.fromkeys(curve.above, ABOVE)}
    marks.setdefault(body - 1, {}).update(dict.fromkeys(curve.below, BELOW))
    for mark in data.marks:
        column = _column(mark.at, data, plot * 2) // 2
        y = max(0, curve.tops.get(column, 0) // 4 - 1)
        marks.setdefault(y, {})[column] = mark.letter
    return marks


def _body(curve: _Curve, y: int, shaded: int, behind: str, marks: Mapping[int, str]) -> list[Span]:
    """Draw a row of the plot: marks, the curve in the accent colour, and a dim background."""
    line, points = curve.dots.row(y), curve.points.get(y, ())
    style = "dim" if curve.points else "accent"
    spans: list[Span] = []
    for found in _RUNS.finditer(line):
        start, end = found.span()
        if line[start] != " ":
            spans.append(Span(found[0], style))
        else:
            warm = max(0, min(end, shaded) - start)
            spans.append(Span(WARM_UP * warm + behind * (end - start - warm), "dim"))
    if not marks and not points:
        return spans
    cells = [(char, span.style) for span in spans for char in span.text]
    for x in points:
        cells[x] = POINT, "accent"
    for x, mark in marks.items():
        cells[x] = mark, "warn"
    runs = groupby(cells, key=lambda cell: cell[1])
    return [Span("".join(char for char, _ in run), style) for style, run in runs]


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
    columns, slots = plot * 2, lane.slots
    means: list[float | None] = [None] * columns
    for x in range(columns if slots else 0):
        first, after = x * len(slots) // columns, (x + 1) * len(slots) // columns
        values = [value for value in slots[first : max(after, first + 1)] if value is not None]
        if values:
            means[x] = sum(values) / len(values)
    drawn = braille_columns(means, lane.top)
    return row(dim(fit(align_right(lane.name, gutter), gutter) + " │"), Span(drawn, "accent"))
