"""Lines around the matrix of a sweep: header, progress, and the selected cell."""

from __future__ import annotations

from runner.sweep.board import Board, BoardPoint
from runner.sweep.intervals import margin_of, measured_spread
from runner.sweep.progress import SweepStatus
from runner.sweep.spec import SweepSpec
from runner.util.formatting import duration, format_number, plural
from tui.framework.rows import Row, Span, cut, dim, row, row_width, spread
from tui.framework.run_header import short_id
from tui.screens.sweep.sweep_matrix import GLYPHS, STATE_LABELS
from tui.screens.sweep.view import BoardView
from tui.text import bar, clock, fit_parts, format_with_margin, plain_text, width_of, wrap

_STATES: dict[SweepStatus, Span] = {
    "starting": Span("◌ STARTING", "dim"),
    "running": Span("● RUNNING", "good"),
    "stopping": Span("■ STOPPING", "warn"),
    "finished": Span("✔ FINISHED", "good"),
    "stopped": Span("■ STOPPED", "warn"),
    "failed": Span("✖ FAILED", "bad"),
    "interrupted": Span("? INTERRUPTED", "bad"),
}
LEFT = 23
"""cells of the remaining time of an active sweep"""
_KINDS = {"sweep": "sweep", "repeat": "repeats", "ab": "profiles in turn", "tune": "tuning"}


def draw_sweep_header(board: Board | tuple[()], width: int, height: int) -> list[Row]:
    if not isinstance(board, Board):
        return [row(Span("trtbench-tui", "title"), dim("  sweep"))]
    sweep = board.sweep
    name = plain_text(sweep.name)
    state = row(dim(f"sweep {short_id(board.id)}   "), _STATES[board.status], f"  {clock(board.elapsed_s)}")
    room = width - row_width(state) - width_of(name) - 3
    what = fit_parts(f"{_KINDS[sweep.kind]} · {sweep.engine} · {_shape(sweep)}", room)
    return [spread(row(Span(name, "strong"), dim(f"  {what}") if what else ""), state, width)]


def _shape(sweep: SweepSpec) -> str:
    if sweep.tune is not None:
        return ", ".join(["best " + " and ".join(sweep.tune.objectives), *sweep.tune.constraints])
    repeats = f", {format_number(sweep.repeat)} repeats {sweep.order}" if sweep.repeat > 1 else ""
    return f"{plural(len(sweep.cells) * sweep.repeat, 'run')}{repeats}"


def draw_sweep_progress(board: Board | tuple[()], width: int, height: int) -> list[Row]:
    """Draw a bar of all measurements, the remaining time, and what the sweep waits for."""
    if not isinstance(board, Board):
        return []
    total = format_number(board.total)
    done = f" {format_number(board.completed):>{len(total)}} of {total} measurements"
    known = board.remaining_s is not None and not board.cut_off
    left = f"   about {duration(board.remaining_s or 0)} left" if known else ""
    share = board.completed / board.total if board.total else 1.0
    full, empty = bar(share, max(8, min(40, width // 5)))  # of one width, whatever follows it
    room = LEFT if board.status in ("starting", "running", "stopping") and not board.cut_off else 0
    return [cut(row(Span(full, "accent"), dim(empty), done, dim(f"{left:<{room}}"), *_note(board)), width)]


def _note(board: Board) -> tuple[Span, ...]:
    if board.cut_off:
        return (Span(f"   no connection: {plain_text(board.cut_off)}", "warn"),)
    if board.status == "interrupted":
        return (Span("   the sweep runner died; R resumes the sweep", "warn"),)
    if board.status == "stopped":
        return (Span(f"   stopped by {plain_text(board.why)}; R resumes", "warn"),)
    if board.status == "failed":
        return (Span(f"   {plain_text(board.why)}", "bad"),)
    if board.status == "running" and board.why:
        return (Span(f"   {plain_text(board.why)}", "warn"),)
    failed = sum(point.state == "failed" for point in board.points)
    return (Span(f"   {plural(failed, 'point')} failed", "bad"),) if failed else ()


def draw_point(view: BoardView, width: int, height: int) -> list[Row]:
    """Draw the selected point: state, reason for missing numbers, numbers with their intervals, and runs."""
    point = view.point
    if point is None:
        return [row(dim("this sweep does not contain this combination"))]
    glyph, style = GLYPHS[point.state]
    state = f"{STATE_LABELS[point.state]}{': ' + point.activity if point.activity else ''}"
    head = row(Span(f"{glyph} {state}", style), "  ", Span(plain_text(point.label), "strong"))
    runs = _runs(point)
    fits = row_width(head) + row_width(runs) < width
    rows = [spread(head, runs, width) if fits else cut(head, width)]
    if point.why:
        lines = [line for line in wrap(plain_text(point.why), max(20, width)) if line]
        rows += [row(Span(line, "warn")) for line in lines]
    rows += _numbers(view, point, width) if point.numbers else []
    if not fits:
        last = rows.pop() if len(rows) > 1 and row_width((*rows[-1], *runs)) < width else ()
        rows.append(spread(last, runs, width) if last else cut(runs, width))
    return rows[:height] if height else rows


def _runs(point: BoardPoint) -> Row:
    if not point.runs:
        return ()
    named = [f"#{ref.repeat + 1} {short_id(ref.run_dir.name)}" for ref in point.runs[-3:]]
    more = "… " if len(point.runs) > 3 else ""
    return row(dim(f"{plural(len(point.runs), 'run')}: {more}{'  '.join(named)}"))


def _numbers(view: BoardView, point: BoardPoint, width: int) -> list[Row]:
    spans: list[Span] = []
    rows: list[Row] = []
    for metric in view.metrics:
        value = point.numbers.get(metric.name)
        if value is None:
            continue
        margin = margin_of(value, measured_spread(view.board, metric.name))
        measured = format_with_margin(value.mean, margin)
        part = row(dim(f"{metric.title} "), measured, dim(f" {metric.unit}   "))
        if spans and row_width(tuple(spans)) + row_width(part) > width:
            rows.append(tuple(spans))
            spans = []
        spans += part
    n = max(value.n for value in point.numbers.values())
    count = dim(f"n {plural(n, 'run')}" + (", ± from its iterations" if n == 1 else ""))
    if row_width((*spans, count)) > width:
        return [*rows, tuple(spans), (count,)]
    return [*rows, (*spans, count)]
