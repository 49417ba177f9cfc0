"""The panels of the tuning screen, drawn from a view of the tuning."""

from __future__ import annotations

from dataclasses import dataclass

from runner.schema.axes import short_path
from runner.sweep.tune.tune_text import (
    change_text,
    conclusion,
)
from runner.sweep.tune.view import TunePoint, TuneView, pruned_reasons
from runner.util.formatting import format_number, plural
from tui.framework.rows import Row, Span, cut, dim, row
from tui.plots.throughput_latency import TradeData, TradePoint
from tui.text import plain_text, wrap

BEST, TIE, FRONT = "★", "☆", "●"
NARROW = 120
"""Below this width there is no panel for the reasons of points without a number."""
_PADDING = 2
_WITH_INTERVALS = 100
"""From this width on changes have their intervals."""


@dataclass(frozen=True)
class Points:
    """The table of points with its cursor."""

    view: TuneView
    at: int


def draw_points(data: Points | tuple[()], width: int, height: int) -> list[Row]:
    """Draw one row for each measured point, the best first, around the cursor."""
    if not isinstance(data, Points) or not data.view.points:
        return [row(dim("no point is measured yet"))]
    view = data.view
    body = max(1, height - 1)
    first = max(0, min(data.at - body // 2, len(view.points) - body))
    shown = view.points[first : first + body]
    heads = ["runs", *(metric.with_unit for metric in view.objectives), "against the baseline"]
    cells = [_cells(view, one, width) for one in shown]
    sizes = [max(len(line[column]) for line in (heads, *cells)) for column in range(len(heads))]
    titles = "  ".join(head.rjust(size) for head, size in zip(heads, sizes, strict=True))
    rows = [cut(row(dim(f"  {titles}  point")), width)]
    for number, (one, line) in enumerate(zip(shown, cells, strict=True), first):
        mark, style = _mark(view, one)
        text = "  ".join(cell.rjust(size) for cell, size in zip(line, sizes, strict=True))
        note = dim(f"  {one.why_not}") if one.why_not else ""
        label = Span(f"  {plain_text(one.label)}", "strong" if number == data.at else style)
        cursor = Span("▸" if number == data.at else " ", "accent")
        rows.append(cut(row(cursor, Span(mark, style), text, label, note), width))
    return rows


def _cells(view: TuneView, one: TunePoint, width: int) -> list[str]:
    values = [
        format_number(value, metric.digits) for value, metric in zip(one.values, view.objectives, strict=True)
    ]
    if one.cell == 0:
        change = "baseline"
    else:
        change = change_text(one) if width >= _WITH_INTERVALS else f"{100 * one.change:+.1f} %"
    return [str(one.runs), *values, change]


def _mark(view: TuneView, one: TunePoint) -> tuple[str, str]:
    if one is view.best:
        return BEST, "good"
    if one in view.ties:
        return TIE, "good"
    if not one.feasible:
        return " ", "dim"
    return (FRONT, "") if one.front and len(view.objectives) > 1 else (" ", "")


def draw_effects(view: TuneView | tuple[()], width: int, height: int) -> list[Row]:
    """Draw one row for each option, the largest effect first."""
    if not isinstance(view, TuneView) or not view.effects:
        return [row(dim(line)) for line in wrap("not known before some points are measured", width)]
    name = max(len(short_path(one.path)) for one in view.effects)
    answer = max(len(one.matters) for one in view.effects)
    return [
        cut(
            row(
                f"{plain_text(short_path(one.path)):<{name}}  ",
                Span(f"{one.matters:<{answer}}", "good" if one.matters == "yes" else "dim"),
                f"  {100 * one.effect:.0f} %",
                dim(f" ({100 * one.low:.0f} to {100 * one.high:.0f})"),
                f"  best {plain_text(value)}",
            ),
            width,
        )
        for one, value in zip(view.effects, view.effect_values, strict=True)
    ][: max(1, height)]


def draw_pruned(view: TuneView | tuple[()], width: int, height: int) -> list[Row]:
    """Draw why points have no number, the most frequent reason first."""
    if not isinstance(view, TuneView) or not view.pruned:
        return [row(dim("none"))]
    rows: list[Row] = []
    for reason, count, label in pruned_reasons(view):
        more = f" and {count - 1} more" if count > 1 else ""
        rows.append(cut(row(Span(f"{plain_text(label)}{more}", "warn")), width))
        rows += [row(dim(f"  {line}")) for line in wrap(plain_text(reason), max(10, width - 2))]
    return rows[: max(1, height)]


def draw_answer(view: TuneView | tuple[()], width: int, height: int) -> list[Row]:
    """Draw the answer so far, and where the variation is known from."""
    if not isinstance(view, TuneView):
        return []
    texts = list(conclusion(view))
    if view.pruned and width + _PADDING < NARROW:
        reason, _, label = pruned_reasons(view)[0]
        texts.append(f"{plural(len(view.pruned), 'point')} without a number; {label}: {reason}")
    if view.activity:
        texts.append(f"now: {view.activity}")
    lines = [line for text in texts for line in wrap(plain_text(text), max(20, width))]
    rows = [row(Span(lines[0], "strong"))] + [row(line) for line in lines[1:]]
    return rows[:height] if height else rows


def trade_data(view: TuneView, at: int) -> TradeData:
    """Return the points of the plot: throughput over latency, the best and the front marked."""
    chosen = view.points[at] if at < len(view.points) else None
    points = tuple(
        TradePoint(
            *one.trade,
            plain_text(one.label),
            "/".join(plain_text(value) for value in one.short),
            best=one.front and one.feasible if len(view.objectives) > 1 else one is view.best,
            tied=one in view.ties,
            chosen=one is chosen,
        )
        for one in view.points
        if one.trade is not None
    )
    return TradeData(
        points, empty="no point with latency and throughput yet", short=plain_text(view.axis_titles)
    )
