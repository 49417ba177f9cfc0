"""A plot of iteration time split into generation and, above it, prefill."""

from __future__ import annotations

import msgspec

from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.plots.axes import empty_plot, gutter_for, place_labels, scale_for, y_axis
from tui.text import format_measurement

GENERATION, PREFILL = "█", "▒"


class SplitData(msgspec.Struct, frozen=True):
    """The data of the plot."""

    n: int = 0
    """timed iterations"""
    per_point: int = 1
    """iterations per point, which is their mean"""
    prefill: float = 0.0
    generation: float = 0.0
    """means, milliseconds"""
    empty: str = "waiting for the first timed iteration"
    points: tuple[tuple[float, float], ...] = ()
    """latency and generation time of each point, in order; change only together with `n`"""


def draw_split(data: SplitData, width: int, height: int) -> list[Row]:
    if not data.points or height < 4 or width < 24:
        return empty_plot(data.empty, width, height)
    body = height - 2
    scale = scale_for(0.0, max(latency for latency, _ in data.points), max(2, body // 2))
    labels = scale.labels(body)
    gutter = gutter_for(labels)
    plot = width - gutter - 2
    columns = _columns(data.points, plot)
    cells = max(1, plot // len(columns)) if len(columns) < plot else 1
    rows: list[Row] = []
    for y in range(body):
        middle = scale.high * (body - y - 0.5) / body
        chars = "".join(_cell(latency, generation, middle) * cells for latency, generation in columns)
        rows.append((y_axis(labels, y, gutter), *_styled(chars)))
    per_cell = len(data.points) * data.per_point / (len(columns) * cells)
    every = max(1, (len(columns) * cells) // 6)
    ticks = [(at, format_number(int(at * per_cell) + 1)) for at in range(0, len(columns) * cells, every)]
    numbers = place_labels(ticks, plot)
    unit = "   iteration" if len(numbers) + 12 <= plot else ""
    rows.append(row(dim(" " * (gutter + 2) + numbers + unit)))
    total = data.prefill + data.generation
    share = f" ({100 * data.prefill / total:.0f} %)" if total else ""
    legend = row(
        dim(" " * (gutter + 2)),
        Span(PREFILL),
        dim(" prefill "),
        f"{format_measurement(data.prefill)} ms{share}   ",
        Span(GENERATION, "accent"),
        dim(" generation "),
        f"{format_measurement(data.generation)} ms",
    )
    return [*rows, cut(legend, width)]


def _columns(points: tuple[tuple[float, float], ...], plot: int) -> list[tuple[float, float]]:
    """Return the points, or means if there are more points than columns."""
    if len(points) <= plot:
        return list(points)
    found = []
    for x in range(plot):
        part = points[x * len(points) // plot : (x + 1) * len(points) // plot]
        found.append((sum(p[0] for p in part) / len(part), sum(p[1] for p in part) / len(part)))
    return found


def _cell(latency: float, generation: float, middle: float) -> str:
    return GENERATION if middle < generation else PREFILL if middle < latency else " "


def _styled(chars: str) -> list[Span]:
    """Return runs of equal characters, generation in the accent colour."""
    spans: list[Span] = []
    run = ""
    for char in chars:
        if run and char != run[0]:
            spans.append(Span(run, "accent" if run[0] == GENERATION else ""))
            run = ""
        run += char
    return [*spans, Span(run, "accent" if run and run[0] == GENERATION else "")]
