"""A tuning as text and JSON: the output of commands."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from runner.compare.verdict import Judgement
from runner.schema.axes import short_path
from runner.stats.intervals import Interval
from runner.sweep.tune.view import TunePoint, TuneView, pruned_reasons
from runner.util.formatting import duration, format_number, plural

SCHEMA = 1
SHOWN = 12
"""points, and reasons of points without a number, that are printed"""
MATTERS_TEXT = {"yes": "matters", "no": "does not matter", "unknown": "not known"}


def render(view: TuneView) -> str:
    """Return the tuning as text."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: TuneView) -> Iterator[str]:
    goal = ", ".join(f"{metric.name} ({metric.better})" for metric in view.objectives)
    yield f"{view.profile} · {view.engine} · best {goal}"
    if view.constraints:
        yield f"subject to {', '.join(view.constraints)}"
    why = f": {view.why}" if view.why else ""
    yield f"tuning {view.id} · {view.status}{why} after {duration(view.elapsed_s)}"
    yield progress_text(view)
    if view.points:
        yield ""
        yield from _table(view)
        yield view.spread
    if view.effects:
        yield ""
        yield "which options matter (best against worst value, averaged over the others, 95 % interval):"
        yield from effect_lines(view)
    if view.pruned:
        yield ""
        yield "without a number:"
        for reason, count, label in pruned_reasons(view)[:SHOWN]:
            further = f" and {count - 1} more" if count > 1 else ""
            yield f"  {label}{further}: {reason}"
    yield ""
    yield from conclusion(view)


def progress_text(view: TuneView) -> str:
    """Return the number of runs, and what is left."""
    text = f"{view.runs} of at most {plural(view.trials, 'run')} of the search, {plural(view.space, 'point')}"
    if view.comparing:
        text += "; the search is over, the best point is measured alternately with the baseline"
    if view.remaining_s is not None:
        text += f"; at most about {duration(view.remaining_s)} left"
    return text


def _table(view: TuneView) -> Iterator[str]:
    heads = [metric.with_unit for metric in view.objectives]
    rows = [
        [
            str(one.runs),
            *(
                format_number(value, metric.digits)
                for value, metric in zip(one.values, view.objectives, strict=True)
            ),
            "baseline" if one.cell == 0 else change_text(one),
            mark_of(view, one) + one.label + (f" ({one.why_not})" if one.why_not else ""),
        ]
        for one in view.points[:SHOWN]
    ]
    titles = ["runs", *heads, "against the baseline", "point"]
    sizes = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles) - 1)]
    for row in [titles, *rows]:
        cells = [cell.rjust(size) for cell, size in zip(row, sizes, strict=False)]
        yield "  ".join([*cells, row[-1]])
    if len(view.points) > SHOWN:
        yield f"and {len(view.points) - SHOWN} more points"
    yield "* best, ~ cannot be told apart from it" + (
        ", # on the Pareto front" if len(view.objectives) > 1 else ""
    )


def mark_of(view: TuneView, one: TunePoint) -> str:
    """Return the mark of a point: best, tie, on the Pareto front."""
    if one is view.best:
        return "* "
    if one in view.ties:
        return "~ "
    return "# " if one.front and len(view.objectives) > 1 else ""


def change_text(one: TunePoint) -> str:
    """Return the change against the baseline with its interval: `+12.3 % (+10.1 to +14.6)`."""
    return f"{100 * one.change:+.1f} %{interval_text(one.interval)}"


def interval_text(interval: Interval) -> str:
    """Return an interval of shares in percent; that it is not known for an open one."""
    if not interval.closed:
        return " (interval not known)"
    return f" ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def effect_lines(view: TuneView) -> Iterator[str]:
    """Yield one line for each axis."""
    width = max(len(short_path(one.path)) for one in view.effects)
    for one, value in zip(view.effects, view.effect_values, strict=True):
        yield (
            f"  {short_path(one.path):<{width}}  {100 * one.effect:5.1f} % ({100 * one.low:.1f} to"
            f" {100 * one.high:.1f})  {MATTERS_TEXT[one.matters]}; best at {value}"
        )


def conclusion(view: TuneView) -> Iterator[str]:
    """Yield the answer so far, with what bounds the winner."""
    best = view.best
    if best is None:
        yield no_best_text(view)
        return
    if best.cell == 0:
        yield "no measured point is better than the baseline"
        return
    yield f"best: {best.label}"
    if view.ties:
        labels = "; ".join(one.label for one in view.ties)
        yield f"it cannot be told apart from {labels}"
    if view.verdict is None:
        yield "no verdict yet: it takes runs alternating with the baseline (A B B A)"
        return
    yield f"measured alternately with the baseline: {verdict_text(view.verdict)}"
    yield view.bound or "what bounds it is not known: the runs have no ceiling (not on known GPUs)"
    if view.saved is not None:
        yield f"saved as the profile {view.saved.stem}"


def no_best_text(view: TuneView) -> str:
    """Return why there is no best point."""
    if view.points:
        return "no measured point meets all constraints with confidence"
    return (
        "no run has the numbers of all objectives and constraints" if view.runs else "nothing is measured yet"
    )


def verdict_text(verdict: Judgement) -> str:
    """Return `FASTER, +12.3 % (+10.1 to +14.6)`."""
    ends = Interval(
        -math.inf if verdict.low is None else verdict.low, math.inf if verdict.high is None else verdict.high
    )
    why = f"; {verdict.why}" if verdict.why else ""
    return f"{verdict.verdict}, {100 * verdict.change:+.1f} %{interval_text(ends)}{why}"


def as_json(view: TuneView) -> dict[str, Any]:
    """Return the tuning as plain data."""

    def ends(interval: Interval) -> list[float | None]:
        return [one if math.isfinite(one) else None for one in (interval.low, interval.high)]

    names = [metric.name for metric in view.objectives]
    return {
        "kind": "tuning",
        "schema": SCHEMA,
        "id": view.id,
        "profile": view.profile,
        "engine": view.engine,
        "status": view.status,
        "why": view.why,
        "objectives": names,
        "constraints": list(view.constraints),
        "runs": view.runs,
        "trials": view.trials,
        "points_in_space": view.space,
        "elapsed_s": view.elapsed_s,
        "remaining_s": view.remaining_s,
        "points": [
            {
                "cell": one.cell,
                "label": one.label,
                "runs": one.runs,
                "values": dict(zip(names, one.values, strict=True)),
                "change": one.change,
                "interval": ends(one.interval),
                "feasible": one.feasible,
                "front": one.front,
                "why_not": one.why_not,
            }
            for one in view.points
        ],
        "best": view.best.cell if view.best is not None else None,
        "ties": [one.cell for one in view.ties],
        "effects": [
            {
                "path": one.path,
                "effect": one.effect,
                "low": one.low,
                "high": one.high,
                "matters": one.matters,
                "best": value,
            }
            for one, value in zip(view.effects, view.effect_values, strict=True)
        ],
        "pruned": [{"label": label, "why": why} for label, why in view.pruned],
        "verdict": None
        if view.verdict is None
        else {
            "verdict": view.verdict.verdict,
            "change": view.verdict.change,
            "low": view.verdict.low,
            "high": view.verdict.high,
            "why": view.verdict.why,
        },
        "bound": view.bound,
        "saved": view.saved.stem if view.saved is not None else None,
    }
