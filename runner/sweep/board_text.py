"""A board as text, Markdown and JSON: the output of commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from runner.metrics import LATENCY, TOKENS_PER_SEC, Metric
from runner.stats.variation import Spread
from runner.sweep.board import Board, BoardPoint, MetricSummary
from runner.sweep.intervals import margin_of, measured_interval, measured_spread
from runner.sweep.matrix import MatrixView, first_view, held_text, make_matrix, shown_metrics, slices
from runner.sweep.pareto import PER_TEXT, Per, Trade, noise_text, trades
from runner.sweep.sweep_list import list_entry, plain_entry
from runner.util.foreign_text import markdown_text
from runner.util.formatting import duration, format_number
from runner.util.markdown import table

GAP = 2
STATE_TEXT = {
    "queued": "queued", "running": "running", "memory": "out of memory", "pruned": "pruned",
    "failed": "failed", "stopped": "stopped", "lost": "lost", "refused": "impossible",
    "part": "", "done": "",
}  # fmt: skip
"""The text that replaces a missing number."""
FOLDED = (
    "of (n) runs: geometric mean, as in a comparison, ± its 95 % interval, from the variation of the repeats"
    " of all points"
)
ONE_RUN = "± 95 % interval from the iterations of the run; another run may differ more"
BEST, TIE = " *", " ~"
"""Marks of a Pareto-optimal point, and of one that equals another one within noise."""
BEATEN = "no other point of the same lengths beats them beyond noise"
TIED = "a tie: equal to the named points within noise (95 % ranges overlap in both numbers)"
FIRST = 3
"""Number of metrics that are printed by default."""


def render(board: Board, width: int, wanted: Sequence[Metric] = (), per: Per = "gpu") -> str:
    """Return the sweep as text: a matrix for each metric, why numbers are missing, and the best points.

    Args:
        board: the sweep.
        width: columns of the terminal.
        wanted: metrics to show; empty: the first of those that have numbers.
        per: what the Pareto-optimal points count throughput for.
    """
    return "\n".join(_lines(board, width, list(wanted) or shown_metrics(board)[:FIRST], per)) + "\n"


def _lines(board: Board, width: int, wanted: list[Metric], per: Per) -> Iterator[str]:
    sweep = board.sweep
    yield f"{sweep.name} · {sweep.engine} · {_shape(board)}"
    why = f": {board.why}" if board.why else ""
    yield f"sweep {board.id} · {board.status}{why} after {duration(board.elapsed_s)}"
    yield f"{board.completed} of {board.total} measurements done" + _left(board)
    found = trades(board, per)
    marks = _marks(found)
    for view in slices(board, first_view(board)):
        for metric in wanted:
            yield ""
            held = held_text(board, view)
            yield f"{metric.with_unit}{', ' + held if held else ''}"
            yield from _table(board, view, metric, marks, width)
    if legend := _margin_legend(board):
        yield ""
        yield legend
    yield from _footnotes(board)
    yield from _best(board, found, per)


def _marks(found: Iterable[Trade]) -> dict[int, str]:
    """Return the mark of each Pareto-optimal point, by the id of its point."""
    return {id(trade.point): TIE if trade.ties else BEST for trade in found if trade.best}


def _margin_legend(board: Board) -> str:
    """Return what `±` means on a board; empty without any number."""
    counts = [value.n for point in board.points for value in point.numbers.values()]
    return "" if not counts else FOLDED if max(counts) > 1 else ONE_RUN


def _shape(board: Board) -> str:
    sizes = " x ".join(
        f"{len(axis.values)} {'profiles' if axis.title == 'profile' else axis.title}"
        for axis in board.axes
        if len(axis.values) > 1
    )
    repeats = (
        f"{board.sweep.repeat} repeats, {board.sweep.order}" if board.sweep.repeat > 1 else "one run each"
    )
    return f"{sizes or 'one cell'} · {repeats}"


def _left(board: Board) -> str:
    return f", about {duration(board.remaining_s)} left" if board.remaining_s is not None else ""


def _table(
    board: Board, view: MatrixView, metric: Metric, marks: dict[int, str], width: int
) -> Iterator[str]:
    shown = make_matrix(board, view)
    down = board.axes[view.rows].title
    across = board.axes[view.columns].title if view.columns is not None else ""
    spread = measured_spread(board, metric.name)
    rows = [[cell_text(point, metric, marks, spread) for point in line] for line in shown.points]
    heads = [f"{across} {head}".strip() for head in shown.column_heads]
    for column in range(len(heads)):
        # The mark follows its number; padding keeps the numbers of the column aligned.
        if any(line[column].endswith((BEST, TIE)) for line in rows):
            for line in rows:
                line[column] += "" if line[column].endswith((BEST, TIE)) else " " * len(BEST)
    sizes = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    label = max(len(f"{down} {head}") for head in shown.row_heads)
    start = 0
    while start < len(sizes):
        stop = start + 1
        while stop < len(sizes) and label + sum(size + GAP for size in sizes[start : stop + 1]) <= width:
            stop += 1
        part = range(start, stop)
        if any(heads):
            yield _row("", label, [heads[column].rjust(sizes[column]) for column in part])
        for head, cells in zip(shown.row_heads, rows, strict=True):
            yield _row(f"{down} {head}", label, [cells[column].rjust(sizes[column]) for column in part])
        start = stop


def _row(head: str, width: int, cells: Sequence[str]) -> str:
    return (head.ljust(width) + "".join(" " * GAP + cell for cell in cells)).rstrip()


def cell_text(point: BoardPoint | None, metric: Metric, marks: dict[int, str], spread: Spread | None) -> str:
    """Return a number with its interval and the mark of its point, or the state of a point without one."""
    if point is None:
        return "–"
    value = point.numbers.get(metric.name)
    if value is None:
        return STATE_TEXT[point.state] or "no number"
    mark = marks.get(id(point), "")
    return f"{with_margin(value, metric, spread)}{'' if point.state == 'done' else ' …'}{mark}"


def with_margin(value: MetricSummary, metric: Metric, spread: Spread | None) -> str:
    """Return `1 234.50 ±0.80 (3)`: geometric mean, 95 % interval and count of the runs; one run: no count."""
    text = format_number(value.mean, metric.digits)
    margin = margin_of(value, spread)
    if margin is not None:
        text += f" ±{format_number(margin, metric.digits)}"
    return f"{text} ({value.n})" if value.n > 1 else text


def _footnotes(board: Board) -> Iterator[str]:
    """Yield every reason for a missing number once, with its points."""
    reasons: dict[str, list[str]] = {}
    for point in board.points:
        if point.why:
            word = STATE_TEXT[point.state] or "incomplete"
            reasons.setdefault(f"{word}: {point.why}", []).append(point.label)
    if reasons:
        yield ""
        yield "without a number, or with fewer runs:"
    for reason, labels in reasons.items():
        yield f"  {reason}"
        yield f"    {'; '.join(labels)}"


def _best(board: Board, every: Iterable[Trade], per: Per) -> Iterator[str]:
    found = sorted((trade for trade in every if trade.best), key=lambda trade: trade.latency.mean)
    if not found:
        return
    rows = [
        (
            format_number(trade.latency.mean, LATENCY.digits),
            format_number(trade.throughput.mean, TOKENS_PER_SEC.digits),
            trade.point.label + "".join(f" ~ {point.label}" for point in trade.ties),
        )
        for trade in found
    ]
    sizes = [max(len(row[column]) for row in rows) for column in range(2)]
    yield ""
    yield f"* Pareto-optimal in latency and {PER_TEXT[per]}: {BEATEN}"
    if any(trade.ties for trade in found):
        yield f"~ {TIED}"
    yield f"  {noise_text(board, per)}"
    for row in rows:
        yield f"  {row[0]:>{sizes[0]}} ms  {row[1]:>{sizes[1]}} tokens/s  {row[2]}"


def as_markdown(board: Board, per: Per = "gpu") -> str:
    """Return the board as a Markdown table: one row a point, one column a metric that has numbers."""
    wanted = shown_metrics(board)
    marks = _marks(trades(board, per))
    spreads = {metric.name: measured_spread(board, metric.name) for metric in wanted}
    named = {BEST: "Pareto-optimal", TIE: "Pareto-optimal (tie)", "": "measured"}
    heads = [*(axis.title for axis in board.axes), "state", *(metric.with_unit for metric in wanted)]
    rows = []
    for point in board.points:
        values = [axis.values[at] for axis, at in zip(board.axes, point.at, strict=True)]
        numbers = [
            with_margin(point.numbers[metric.name], metric, spreads[metric.name])
            if metric.name in point.numbers
            else ""
            for metric in wanted
        ]
        state = STATE_TEXT[point.state] or named[marks.get(id(point), "")]
        rows.append([markdown_text(cell) for cell in (*values, state, *numbers)])
    words = len(board.axes) + 1
    lines = [f"**{markdown_text(board.sweep.name)}**, {markdown_text(_shape(board))}", ""]
    lines += table(list(map(markdown_text, heads)), rows, numbers=range(words, len(heads)))
    if marks:
        lines += ["", f"Pareto-optimal in latency and {PER_TEXT[per]}: {BEATEN}; {noise_text(board, per)}."]
    if legend := _margin_legend(board):
        lines += ["", f"{legend[0].upper()}{legend[1:]}."]
    return "\n".join(lines) + "\n"


# --- JSON ----------------------------------------------------------------------------------------


def as_json(board: Board, per: Per = "gpu") -> dict[str, Any]:
    """Return the board as plain data; each number is geometric mean, standard deviation and n of the runs.

    `low` and `high` are the 95 % interval of the mean (`runner.sweep.intervals.measured_interval`).

    `ties` of a best point are the places of the points in `points` that equal it within noise.
    """
    best = {id(trade.point): trade for trade in trades(board, per) if trade.best}
    place = {id(point): index for index, point in enumerate(board.points)}
    spreads = {name: measured_spread(board, name) for name in board.metrics()}
    return {
        "kind": "sweep",
        **plain_entry(list_entry(board)),
        "best_per": per,
        "points": [
            {
                "values": {axis.path: axis.values[at] for axis, at in zip(board.axes, point.at, strict=True)},
                "state": point.state,
                "why": point.why,
                "best": id(point) in best,
                "ties": [place[id(one)] for one in best[id(point)].ties] if id(point) in best else [],
                "runs": [ref.run_dir.name for ref in point.runs],
                "metrics": {
                    name: _plain_number(value, spreads[name]) for name, value in point.numbers.items()
                },
            }
            for point in board.points
        ],
    }


def _plain_number(value: MetricSummary, spread: Spread | None) -> dict[str, float | None]:
    interval = measured_interval(value, spread)
    low, high = (interval.low, interval.high) if interval is not None else (None, None)
    return {"mean": value.mean, "deviation": value.deviation, "n": value.n, "low": low, "high": high}
