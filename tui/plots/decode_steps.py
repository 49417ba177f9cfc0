"""A plot of the decode steps of an iteration: the mean of each step over the iterations, and the slowest."""

from __future__ import annotations

import msgspec

from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.plots.axes import draw_segment, empty_plot, gutter_for, place_labels, scale_for, y_axis
from tui.text import BrailleCanvas, format_measurement


class StepPlotData(msgspec.Struct, frozen=True):
    """The data of the plot; times in milliseconds."""

    n: int = 0
    """timed iterations with the times of their steps"""
    each: int = 1
    """decode steps of a point, which is their mean"""
    p50: float | None = None
    p99: float | None = None
    """None: too few steps"""
    slowest: str = ""
    """the slowest step, and where it was"""
    empty: str = "waiting for the first timed iteration"
    points: tuple[tuple[float, float], ...] = ()
    """mean and maximum of each step over the iterations; changes only together with `n`"""


def draw_steps(data: StepPlotData, width: int, height: int) -> list[Row]:
    if not data.points or height < 4 or width < 24:
        return empty_plot(data.empty, width, height)
    body = height - 2
    low, high = min(mean for mean, _ in data.points), max(most for _, most in data.points)
    scale = scale_for(low, high, max(2, body // 2))
    labels = scale.labels(body)
    gutter = gutter_for(labels)
    plot = width - gutter - 2
    dots, columns = BrailleCanvas(plot, body), plot * 2
    before: tuple[int, float] | None = None
    strokes: dict[int, list[tuple[float, float]]] = {}
    for index, point in enumerate(data.points):
        strokes.setdefault(index * columns // len(data.points), []).append(point)
    for x, points in strokes.items():
        mean = scale.dot_row(sum(mean for mean, _ in points) / len(points), body)
        dots.column(x, scale.dot_row(max(most for _, most in points), body), mean)
        if before is not None:
            draw_segment(dots, before, (x, mean))
        before = (x, mean)
    rows: list[Row] = [(y_axis(labels, y, gutter), Span(dots.row(y), "accent")) for y in range(body)]
    rows.append(row(dim(" " * (gutter + 2) + _numbers(data, plot))))
    known = [("p50", data.p50), ("p99", data.p99)]
    parts = [f"{name} {format_measurement(value)} ms" for name, value in known if value is not None]
    parts += [f"slowest {data.slowest}"] if data.slowest else []
    legend = row(dim(" " * (gutter + 2)), dim("mean to max   "), "   ".join(parts))
    return [*rows, cut(legend, width)]


def _numbers(data: StepPlotData, plot: int) -> str:
    """Return the numbers of steps below the plot."""
    every = max(1, len(data.points) // 6)
    ticks = [
        (at * plot // len(data.points), format_number(at * data.each + 1))
        for at in range(0, len(data.points), every)
    ]
    numbers = place_labels(ticks, plot)
    return numbers + ("   decode step" if len(numbers) + 14 <= plot else "")
