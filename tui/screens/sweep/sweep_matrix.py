"""The matrix of a sweep: each cell shows a number with its 95 % interval, or its state.

Its columns have the same place whatever is measured: their width depends on the screen and on the axes of the
sweep, not on the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.metrics import JOULES_PER_TOKEN, LATENCY, TOKENS_PER_SEC, Metric
from runner.metrics.serving import OUTPUT_TOKENS_PER_SEC_GPU
from runner.metrics.throughput import TOKENS_PER_SEC_RANK
from runner.stats.variation import Spread
from runner.sweep.board import BoardPoint, PointState
from runner.sweep.intervals import margin_of, measured_spread
from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, cut, dim, fitting, row, row_width
from tui.screens.sweep.view import BoardView
from tui.text import align_right, fit, format_measurement, format_with_margin, plain_text, shorten, width_of

GLYPHS: dict[PointState, tuple[str, str]] = {
    "queued": ("◌", "dim"),
    "running": ("▶", "accent"),
    "part": ("◐", "accent"),
    "done": ("✔", "good"),
    "memory": ("▣", "warn"),
    "pruned": ("▢", "dim"),
    "failed": ("✖", "bad"),
    "stopped": ("■", "warn"),
    "lost": ("?", "bad"),
    "refused": ("–", "dim"),
}
"""Glyph of each cell state, and its style."""
STATE_LABELS: dict[PointState, str] = {
    "queued": "queued", "running": "running", "part": "partly measured", "done": "measured",
    "memory": "out of memory", "pruned": "pruned", "failed": "failed", "stopped": "stopped", "lost": "lost",
    "refused": "impossible",
}  # fmt: skip
SHORT_LABELS: dict[PointState, str] = {"memory": "memory"}
LEGEND: tuple[PointState, ...] = (
    "part", "running", "done", "queued", "memory", "failed", "pruned", "refused", "stopped", "lost",
)  # fmt: skip
"""The states in the order of the legend, which drops the last ones first: their cells have a label."""
MIN_CELL = 9
MAX_CELL = 26
SECOND = 16
"""cells of a second metric in each cell, where all columns have room for it"""
GAP = 1
SIGNS = 3
"""cells in front of a number: cursor or mark, state, level"""
LEVELS = "▁▂▃▄▅▆▇█"
HEATS = 5
"""number of the styles `heat1` to `heat5`"""
LEAST_RANGE = 0.02
"""Numbers that differ by less than this share get no level, so that noise stays invisible."""


@dataclass(frozen=True)
class HeatScale:
    """Assigns levels to the numbers of a metric, from the worst to the best one shown."""

    low: float
    high: float
    lower_is_better: bool

    def level(self, value: float) -> int | None:
        """Return 0 (worst) to 7 (best) on a logarithmic scale; None: no level, as all are nearly equal."""
        if self.low <= 0 or self.high < self.low * (1 + LEAST_RANGE):
            return None
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round((1 - share if self.lower_is_better else share) * (len(LEVELS) - 1))


def heat_scale(points: Sequence[BoardPoint | None], metric: Metric) -> HeatScale:
    """Return the scale of the numbers of these points; without numbers it gives no levels."""
    values = [
        one.numbers[metric.name].mean for one in points if one is not None and metric.name in one.numbers
    ]
    if metric.better == "neither" or not values:
        return HeatScale(0.0, 0.0, False)
    return HeatScale(min(values), max(values), metric.better == "lower")


@dataclass(frozen=True)
class _Column:
    """What all cells of a column share."""

    metric: Metric
    spread: Spread | None
    heat: HeatScale


def draw_matrix(view: BoardView, width: int, height: int) -> list[Row]:
    """Draw headings, then a line for each row value; scrolls so that the cursor is visible."""
    shown = view.matrix
    best = {trade.point.at: "☆" if trade.ties else "★" for trade in view.trades if trade.best}
    down = view.board.axes[view.view.rows]
    label = min(max(width_of(text) for text in (down.title, *shown.row_heads)), max(8, width // 3))
    heads = _column_heads(view)
    size = cell_size(width - label, heads)
    wide = (width - label) // len(heads) - GAP >= MAX_CELL + SECOND
    second = _second_column(view) if wide else None
    first, last = _window(view.column, len(heads), max(1, (width - label) // (size + GAP)))
    rows = [_head_row(view, label, size, heads, first, last, SECOND if second else 0)]
    if second is not None:
        names = _aligned_heading(view.metric, size) + _aligned_heading(second.metric, SECOND)
        rows.append(row(dim(" " * label + (" " * GAP + names) * len(heads))))
    count = len(shown.points)
    body = max(1, height - len(rows)) if height else count  # without a height all rows are counted
    top = max(0, min(view.row - body // 2, count - body)) if count > body else 0
    columns = _columns(view)
    for number in range(top, min(count, top + body)):
        spans: list[Span] = [Span(align_right(plain_text(shown.row_heads[number]), label), "strong")]
        for column in range(first, last):
            chosen = number == view.row and column == view.column
            point = shown.points[number][0 if view.of_metrics else column]
            mark = "•" if point is not None and point.cell in view.marked else " "
            cell = _cell(point, columns[column], best, size - SIGNS - 1)
            more = "" if second is None else align_right(_second_text(point, second), SECOND)
            spans += [Span(" " * GAP), *_draw_cell(cell, size, chosen, mark, more)]
        rows.append(row(*spans))
    return rows


def cell_size(room: int, heads: Sequence[str]) -> int:
    """Return the cells of a column: all share the room, as far as it is enough for their heads."""
    least = min(max([MIN_CELL, *map(width_of, heads)]), MAX_CELL, max(MIN_CELL, room - GAP))
    return max(least, min(MAX_CELL, room // len(heads) - GAP))


def _columns(view: BoardView) -> list[_Column]:
    shown = view.matrix
    if view.of_metrics:
        points = [line[0] for line in shown.points]
        return [_column(view, points, metric) for metric in view.metrics]
    every = [point for line in shown.points for point in line]
    return [_column(view, every, view.metric)] * len(shown.column_heads)


def _column(view: BoardView, points: Sequence[BoardPoint | None], metric: Metric) -> _Column:
    return _Column(metric, measured_spread(view.board, metric.name), heat_scale(points, metric))


def _second_column(view: BoardView) -> _Column | None:
    """Return the first metric that is not in the cells yet; None if the columns are metrics."""
    if view.of_metrics:
        return None
    others = [metric for metric in view.metrics if metric.name != view.metric.name]
    every = [point for line in view.matrix.points for point in line]
    return _column(view, every, others[0]) if others else None


def _second_text(point: BoardPoint | None, column: _Column) -> str:
    value = point.numbers.get(column.metric.name) if point is not None else None
    if value is None:
        return ""
    text = format_with_margin(value.mean, margin_of(value, column.spread))
    return text if width_of(text) < SECOND else format_measurement(value.mean)


def _column_heads(view: BoardView) -> list[str]:
    if view.of_metrics:
        return [heading(metric) for metric in view.metrics]
    return [plain_text(head) for head in view.matrix.column_heads]


def heading(metric: Metric) -> str:
    """Return a metric with its unit in a short form: `latency, ms`."""
    named = {
        TOKENS_PER_SEC.name: "tokens/s", LATENCY.name: "latency, ms", JOULES_PER_TOKEN.name: "J/token",
        TOKENS_PER_SEC_RANK.name: "tokens/s/GPU", OUTPUT_TOKENS_PER_SEC_GPU.name: "tokens/s/GPU",
    }  # fmt: skip
    unit = f", {metric.unit}" if metric.unit else ""
    return named.get(metric.name, f"{metric.title}{unit}")


def _aligned_heading(metric: Metric, width: int) -> str:
    return align_right(shorten(heading(metric), width - 1), width)


def _window(selected: int, count: int, room: int) -> tuple[int, int]:
    """Return the range of visible columns around the selected one."""
    first = max(0, min(selected - room // 2, count - room))
    return first, min(count, first + room)


def _head_row(
    view: BoardView, label: int, size: int, heads: list[str], first: int, last: int, after: int
) -> Row:
    """Draw the values of the columns; `after`: cells of a second metric in each column."""
    title = fit(view.board.axes[view.view.rows].title, label)
    cells = [
        dim(" " * GAP + align_right(shorten(heads[column], size), size) + " " * after)
        for column in range(first, last)
    ]
    more = dim(" …") if last < len(heads) or first else ""
    return row(dim(title), *cells, more)


@dataclass(frozen=True)
class _DrawnCell:
    """The parts of a cell."""

    glyph: str
    style: str
    """of the glyph"""
    text: str
    text_style: str
    level: int | None = None


def _cell(
    point: BoardPoint | None, column: _Column, best: Mapping[tuple[int, ...], str], room: int
) -> _DrawnCell:
    if point is None:
        return _DrawnCell(" ", "dim", "·", "dim")
    glyph, style = GLYPHS[point.state]
    value = point.numbers.get(column.metric.name)
    if value is None:
        label = (
            point.activity
            if point.state == "running"
            else SHORT_LABELS.get(point.state, STATE_LABELS[point.state])
        )
        if point.state == "done":
            label = "no number"
        return _DrawnCell(
            glyph, style, label or STATE_LABELS[point.state], style if style != "good" else "dim"
        )
    if point.at in best:
        glyph, style = best[point.at], "good" if point.state == "done" else style
    text = format_with_margin(value.mean, margin_of(value, column.spread))
    if width_of(text) > room:
        text = format_measurement(value.mean)
    return _DrawnCell(
        glyph, style, text, "" if point.state in ("done", "part") else "dim", column.heat.level(value.mean)
    )


def _draw_cell(cell: _DrawnCell, size: int, chosen: bool, mark: str, more: str) -> list[Span]:
    """Draw a cell; `more`: the text of its second metric."""
    level = " " if cell.level is None else LEVELS[cell.level]
    body = f" {align_right(cell.text, size - SIGNS - 1)}"
    if chosen:
        return [Span(f"▸{cell.glyph}{level if mark == ' ' else mark}{body}{more}", "chosen")]
    heat = cell.text_style
    if cell.level is not None and not heat:
        heat = f"heat{1 + cell.level * HEATS // len(LEVELS)}"
    spans = [Span(mark, "accent"), Span(cell.glyph, cell.style), dim(level), Span(body, heat)]
    return [*spans, dim(more)] if more else spans


def draw_pareto(view: BoardView, width: int, height: int) -> list[Row]:
    """Draw the Pareto-optimal points of the plot in one line, from the lowest latency on."""
    best = sorted((trade for trade in view.trades if trade.best), key=lambda trade: trade.latency.mean)
    if not best:
        return [cut(row(dim("Pareto-optimal: none is measured yet")), width)]
    head = f"Pareto-optimal ({format_number(len(best))}): "
    whole: Row = ()
    for name in (view.plot_label, view.short_plot_label):
        spans = [dim(head)]
        for number, trade in enumerate(best):
            spans += [dim(" → " if number else ""), Span(plain_text(name(trade.point.at)), "good")]
            latency, throughput = map(format_measurement, (trade.latency.mean, trade.throughput.mean))
            spans.append(dim(f" {latency} ms, {throughput}/s"))
        whole = row(*spans)
        if row_width(whole) <= width:
            return [whole]
    names = " → ".join(plain_text(view.short_plot_label(trade.point.at)) for trade in best)
    return [cut(row(dim(head), Span(names, "good")) if width_of(head + names) <= width else whole, width)]


def draw_legend(view: BoardView, width: int, height: int) -> list[Row]:
    """Draw the meaning of the glyphs, always at the same places; the last ones are dropped without room."""
    parts = [
        ("★", "good", "Pareto-optimal"),
        ("☆", "good", "tie"),
        (LEVELS[0], "dim", f"worst … {LEVELS[-1]} best"),
    ]
    parts += [(*GLYPHS[state], STATE_LABELS[state]) for state in LEGEND]
    return [fitting((row(Span(glyph, style), dim(f" {word}")) for glyph, style, word in parts), width, "  ")]
