"""The matrix of a sweep: each cell shows a number with its spread, or its state."""

from __future__ import annotations

from collections.abc import Mapping

from runner.metrics import JOULES_PER_TOKEN, LATENCY, TOKENS_PER_SEC, Metric
from runner.metrics.serving import OUTPUT_TOKENS_PER_SEC_GPU
from runner.metrics.throughput import TOKENS_PER_SEC_RANK
from runner.sweep.board import BoardPoint, PointState
from tui.framework.rows import Row, Span, cut, dim, row, row_width
from tui.screens.sweep.view import BoardView
from tui.text import align_right, fit, format_with_deviation, plain_text, width_of

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
STATES_WITH_NUMBERS = frozenset({"running", "part", "done"})
"""states whose cells show a number instead of a label"""
MIN_CELL = 9
MAX_CELL = 26
GAP = 1


def draw_matrix(view: BoardView, width: int, height: int) -> list[Row]:
    """Draw headings, then a line for each row value; scrolls so that the cursor is visible."""
    shown = view.matrix
    best = {trade.point.at: "☆" if trade.ties else "★" for trade in view.trades if trade.best}
    down = view.board.axes[view.view.rows]
    label = min(max(width_of(text) for text in (down.title, *shown.row_heads)), max(8, width // 3))
    heads = _column_heads(view)
    texts = [[_cell(point, metric, best) for point, metric in _cells(view, line)] for line in shown.points]
    size = max(
        [MIN_CELL, *(width_of(head) for head in heads), *(_size(cell) for line in texts for cell in line)]
    )
    size = min(size, MAX_CELL, max(MIN_CELL, width - label - 3))
    first, last = _window(view.column, len(heads), max(1, (width - label - 1) // (size + GAP + 1)))
    rows = [_head_row(view, label, size, heads, first, last)]
    body = max(1, height - 1)
    top = max(0, min(view.row - body // 2, len(texts) - body)) if len(texts) > body else 0
    for number in range(top, min(len(texts), top + body) if height else len(texts)):
        spans: list[Span] = [Span(align_right(plain_text(shown.row_heads[number]), label), "strong")]
        for column in range(first, last):
            chosen = number == view.row and column == view.column
            point = shown.points[number][0 if view.of_metrics else column]
            mark = "•" if point is not None and point.cell in view.marked else " "
            spans += [dim(" " * GAP), *_draw_cell(texts[number][column], size, chosen, mark)]
        rows.append(row(*spans))
    return rows


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


def _cells(view: BoardView, line: tuple[BoardPoint | None, ...]) -> list[tuple[BoardPoint | None, Metric]]:
    if view.of_metrics:
        return [(line[0], metric) for metric in view.metrics]
    return [(point, view.metric) for point in line]


def _window(selected: int, count: int, room: int) -> tuple[int, int]:
    """Return the range of visible columns around the selected one."""
    first = max(0, min(selected - room // 2, count - room))
    return first, min(count, first + room)


def _head_row(view: BoardView, label: int, size: int, heads: list[str], first: int, last: int) -> Row:
    title = fit(view.board.axes[view.view.rows].title, label)
    cells = [dim(" " * GAP + " " + align_right(heads[column], size)) for column in range(first, last)]
    more = dim(" …") if last < len(heads) or first else ""
    return row(dim(title), *cells, more)


DrawnCell = tuple[str, str, str, str]
"""glyph, its style, the text, and the style of the text"""


def _cell(point: BoardPoint | None, metric: Metric, best: Mapping[tuple[int, ...], str]) -> DrawnCell:
    if point is None:
        return (" ", "dim", "·", "dim")
    glyph, style = GLYPHS[point.state]
    value = point.numbers.get(metric.name)
    if value is None:
        label = (
            point.activity
            if point.state == "running"
            else SHORT_LABELS.get(point.state, STATE_LABELS[point.state])
        )
        if point.state == "done":
            label = "no number"
        return (glyph, style, label or STATE_LABELS[point.state], style if style != "good" else "dim")
    if point.at in best:
        glyph, style = best[point.at], "good" if point.state == "done" else style
    text = format_with_deviation(value.mean, value.deviation)
    return (glyph, style, text, "" if point.state in ("done", "part") else "dim")


def _size(cell: DrawnCell) -> int:
    return width_of(cell[2]) + 2


def _draw_cell(cell: DrawnCell, size: int, chosen: bool, mark: str) -> list[Span]:
    glyph, style, text, text_style = cell
    body = align_right(text, size - 2)
    if chosen:
        return [Span(f"▸{glyph}{mark}{body}", "chosen")]
    return [Span(mark, "accent"), Span(glyph, style), Span(f" {body}", text_style)]


def draw_legend(view: BoardView, width: int, height: int) -> list[Row]:
    """Draw the meaning of the glyphs; without room for all, only of those whose cells show no label."""
    states = [state for state in GLYPHS if any(point.state == state for point in view.board.points)]
    whole = _legend_row(view, states)
    if row_width(whole) > width:
        whole = _legend_row(view, [state for state in states if state in STATES_WITH_NUMBERS])
    return [cut(whole, width)]


def _legend_row(view: BoardView, states: list[PointState]) -> Row:
    parts = [(*GLYPHS[state], STATE_LABELS[state]) for state in states]
    if any(trade.ties for trade in view.trades):
        parts.insert(0, ("☆", "good", "tie"))
    if any(trade.best and not trade.ties for trade in view.trades):
        parts.insert(0, ("★", "good", "best trade"))
    spans: list[Span] = []
    for glyph, style, word in parts:
        spans += [Span("  " if spans else ""), Span(glyph, style), dim(f" {word}")]
    return row(*spans)
