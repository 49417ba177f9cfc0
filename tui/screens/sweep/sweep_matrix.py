"""Cells of a sweep in rows and columns: a number with its spread, or a word for why there is none."""

from __future__ import annotations

from runner.metrics import JOULES_PER_TOKEN, LATENCY, TOKENS_PER_SEC, Metric
from runner.sweep.board import Point, PointState
from tui.framework.rows import Row, Span, cut, dim, row, row_width
from tui.screens.sweep.view import BoardView
from tui.text import fit, plain, right, width_of, with_spread

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
"""State of a cell as a glyph, and the style of the glyph."""
WORDS: dict[PointState, str] = {
    "queued": "queued", "running": "running", "part": "partly measured", "done": "measured",
    "memory": "out of memory", "pruned": "pruned", "failed": "failed", "stopped": "stopped", "lost": "lost",
    "refused": "impossible",
}  # fmt: skip
SHORT: dict[PointState, str] = {"memory": "memory"}
WITH_NUMBERS = frozenset({"running", "part", "done"})
"""states whose word does not stand in the cell"""
LEAST = 9
MOST = 26
GAP = 1


def draw_matrix(view: BoardView, width: int, height: int) -> list[Row]:
    """Headings, then a line for every value that runs down; scrolls so that the cursor is in view."""
    shown = view.matrix
    best = {trade.point.at for trade in view.trades if trade.best}
    down = view.board.axes[view.view.rows]
    label = min(max(width_of(text) for text in (down.title, *shown.row_heads)), max(8, width // 3))
    heads = _heads(view)
    texts = [[_cell(point, metric, best) for point, metric in _cells(view, line)] for line in shown.points]
    size = max(
        [LEAST, *(width_of(head) for head in heads), *(_size(cell) for line in texts for cell in line)]
    )
    size = min(size, MOST, max(LEAST, width - label - 3))
    first, last = _window(view.column, len(heads), max(1, (width - label - 1) // (size + GAP + 1)))
    rows = [_head_row(view, label, size, heads, first, last)]
    body = max(1, height - 1)
    top = max(0, min(view.row - body // 2, len(texts) - body)) if len(texts) > body else 0
    for number in range(top, min(len(texts), top + body) if height else len(texts)):
        spans: list[Span] = [Span(right(plain(shown.row_heads[number]), label), "strong")]
        for column in range(first, last):
            chosen = number == view.row and column == view.column
            point = shown.points[number][0 if view.of_metrics else column]
            mark = "•" if point is not None and point.cell in view.marked else " "
            spans += [dim(" " * GAP), *_drawn(texts[number][column], size, chosen, mark)]
        rows.append(row(*spans))
    return rows


def _heads(view: BoardView) -> list[str]:
    if view.of_metrics:
        return [heading(metric) for metric in view.metrics]
    return [plain(head) for head in view.matrix.column_heads]


def heading(metric: Metric) -> str:
    """A metric with its unit, in few words: `latency, ms`."""
    named = {TOKENS_PER_SEC.name: "tokens/s", LATENCY.name: "latency, ms", JOULES_PER_TOKEN.name: "J/token"}
    unit = f", {metric.unit}" if metric.unit else ""
    return named.get(metric.name, f"{metric.title}{unit}")


def _cells(view: BoardView, line: tuple[Point | None, ...]) -> list[tuple[Point | None, Metric]]:
    if view.of_metrics:
        return [(line[0], metric) for metric in view.metrics]
    return [(point, view.metric) for point in line]


def _window(chosen: int, count: int, room: int) -> tuple[int, int]:
    """The columns in view: those around the chosen one."""
    first = max(0, min(chosen - room // 2, count - room))
    return first, min(count, first + room)


def _head_row(view: BoardView, label: int, size: int, heads: list[str], first: int, last: int) -> Row:
    title = fit(view.board.axes[view.view.rows].title, label)
    cells = [dim(" " * GAP + " " + right(heads[column], size)) for column in range(first, last)]
    more = dim(" …") if last < len(heads) or first else ""
    return row(dim(title), *cells, more)


Cell = tuple[str, str, str, str]
"""glyph, its style, the text, and the style of the text"""


def _cell(point: Point | None, metric: Metric, best: set[tuple[int, ...]]) -> Cell:
    if point is None:
        return (" ", "dim", "·", "dim")
    glyph, style = GLYPHS[point.state]
    value = point.numbers.get(metric.name)
    if value is None:
        word = point.doing if point.state == "running" else SHORT.get(point.state, WORDS[point.state])
        if point.state == "done":
            word = "no number"
        return (glyph, style, word or WORDS[point.state], style if style != "good" else "dim")
    if point.at in best:
        glyph, style = "★", "good" if point.state == "done" else style
    text = with_spread(value.mean, value.deviation)
    return (glyph, style, text, "" if point.state in ("done", "part") else "dim")


def _size(cell: Cell) -> int:
    return width_of(cell[2]) + 2


def _drawn(cell: Cell, size: int, chosen: bool, mark: str) -> list[Span]:
    glyph, style, text, text_style = cell
    body = right(text, size - 2)
    if chosen:
        return [Span(f"▸{glyph}{mark}{body}", "chosen")]
    return [Span(mark, "accent"), Span(glyph, style), Span(f" {body}", text_style)]


def draw_legend(view: BoardView, width: int, height: int) -> list[Row]:
    """What the glyphs on the board mean; without room for all, those that have no word beside them."""
    states = [state for state in GLYPHS if any(point.state == state for point in view.board.points)]
    whole = _legend(view, states)
    if row_width(whole) > width:
        whole = _legend(view, [state for state in states if state in WITH_NUMBERS])
    return [cut(whole, width)]


def _legend(view: BoardView, states: list[PointState]) -> Row:
    parts = [(*GLYPHS[state], WORDS[state]) for state in states]
    if any(trade.best for trade in view.trades):
        parts.insert(0, ("★", "good", "best trade"))
    spans: list[Span] = []
    for glyph, style, word in parts:
        spans += [Span("  " if spans else ""), Span(glyph, style), dim(f" {word}")]
    return row(*spans)
