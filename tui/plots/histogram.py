"""A histogram of latencies, with mean and percentiles below the bars."""

from __future__ import annotations

import math

import msgspec

from runner.stats import Sample
from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, dim, row
from tui.plots.axes import STEPS, AxisScale, empty_plot, gutter_for, place_labels, round_up, scale_for, y_axis

_EIGHTHS = " ▁▂▃▄▅▆▇█"


class HistogramData(msgspec.Struct, frozen=True):
    """The data of a histogram; latencies in milliseconds."""

    n: int = 0
    """timed iterations"""
    low: float = 0.0
    high: float = 0.0
    """the drawn range; slower iterations are counted in a note"""
    lines: tuple[tuple[str, float], ...] = ()
    empty: str = "a histogram needs two timed iterations"
    latency: Sample | None = None
    """changes only together with `n`"""


def draw_histogram(data: HistogramData, width: int, height: int) -> list[Row]:
    if data.n < 2 or data.latency is None or height < 4 or width < 24:
        return empty_plot(data.empty, width, height)
    body = height - 2
    edges = _edges(data, (width - 12) // 2)
    counts = data.latency.counts(edges)
    most = max(*counts, 1)
    scale = scale_for(0.0, float(most), max(2, body // 2))
    if scale.step < 1:
        scale = AxisScale(0.0, float(most), 1.0)
    labels = scale.labels(body)
    gutter = gutter_for(labels)
    plot = width - gutter - 2
    cells = max(1, plot // len(counts))
    gap = 1 if cells >= 3 else 0
    beyond = data.n - sum(counts)
    rows: list[Row] = []
    for y in range(body):
        bars = "".join((_cell(count, scale.high, y, body) * (cells - gap)).ljust(cells) for count in counts)
        rows.append((y_axis(labels, y, gutter), Span(bars, "accent")))
    used = cells * len(counts)
    digits = max(0, -math.floor(math.log10(edges[1] - edges[0]) + 1e-9))
    every = max(1, math.ceil(11 / cells))
    ticks = [(index * cells, format_number(edges[index], digits)) for index in range(0, len(edges), every)]
    # `place_labels` centres a label, but the arrow at its left end should mark the column.
    below = [
        (_column_of(value, edges, used) + (len(name) + 1) // 2, f"↑{name}") for name, value in data.lines
    ]
    more = f"   {format_number(beyond)} slower than {format_number(edges[-1], digits)} ms" if beyond else ""
    marks = place_labels(sorted(below), plot)
    rows.append(row(dim(" " * (gutter + 2) + place_labels(ticks, plot))))
    rows.append(
        row(dim(" " * (gutter + 2)), Span(marks), dim(more if len(marks) + len(more) <= plot else ""))
    )
    return rows


def _edges(data: HistogramData, most: int) -> list[float]:
    """Return the edges of the bars: round steps, about as many as the number of iterations supports."""
    wanted = max(4, min(most, math.ceil(2 * data.n ** (1 / 3)) * 2))
    spread = max(data.high - data.low, data.high * 1e-3, 1e-9)
    step = round_up(spread / wanted, STEPS)
    first, last = math.floor(data.low / step + 1e-9), math.floor(data.high / step + 1e-9) + 1
    return [index * step for index in range(first, last + 1)]


def _cell(count: int, top: float, y: int, body: int) -> str:
    eighths = round(count / top * body * 8) if top else 0
    if count:
        eighths = max(1, eighths)  # a single occurrence is visible
    return _EIGHTHS[min(max(eighths - (body - 1 - y) * 8, 0), 8)]


def _column_of(value: float, edges: list[float], used: int) -> int:
    return min(max(0, int((value - edges[0]) / (edges[-1] - edges[0]) * used)), used - 1)
