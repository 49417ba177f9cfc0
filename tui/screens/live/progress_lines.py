"""Progress of the present configuration: warm-up, then iterations *and* duration until both are reached."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.util.formatting import duration
from tui.framework.rows import Row, Span, cut, dim, fitting, row, row_width, spread
from tui.text import bar, width_of, wrap

WIDE = 100
ProgressPhase = Literal["waiting", "warm-up", "timed", "done"]


class CurrentIteration(msgspec.Struct, frozen=True):
    """An iteration that is running."""

    name: str
    """`iteration` or `warm-up`"""
    number: int
    """counted from 1"""
    seconds: int
    """since it started"""
    usual_s: int | None
    """mean of the iterations before; None: it is the first one"""


class ProgressView(msgspec.Struct, frozen=True):
    phase: ProgressPhase
    what: str
    """description of the configuration, or of what the run waits for"""
    number: int = 0
    total: int = 0
    """the present configuration is `number` of `total`; 0: none yet"""
    warmed: int = 0
    warm_up: int = 0
    measured: int = 0
    num_runs: int = 0
    seconds: int = 0
    duration: int = 0
    ended: bool = False
    """whether the run has ended"""
    counts: str = "iterations"
    """what `measured` and `num_runs` count"""
    activity: str = ""
    """present activity, if there is nothing to count; empty: bars show the progress"""
    left_s: int | None = None
    """seconds until this configuration is done; None: unknown"""
    stalled: bool = False
    iteration: CurrentIteration | None = None
    """None: iterations are too short to watch one"""


def draw_progress(progress: ProgressView, width: int, height: int) -> list[Row]:
    if not progress.number:
        lines = wrap(progress.what, width)
        return [row(dim(line)) for line in [*lines, ""][:2]]
    return [_position(progress, width), _bars(progress, width)]


def _position(progress: ProgressView, width: int) -> Row:
    remaining_count = 0 if progress.ended else progress.total - progress.number
    remaining = row(*_remaining(progress, width))
    if progress.iteration is not None:
        with_iteration = row(*_iteration(progress.iteration), dim("   ") if remaining else "", *remaining)
        position = f"config {progress.number}/{progress.total}  {progress.what} "
        if width_of(position) + row_width(with_iteration) <= width:
            remaining = with_iteration
    number = Span(f"{progress.number}/{progress.total}", "strong")
    parts = [row(dim("config "), number), row(progress.what)]
    parts += [row(dim(f"{remaining_count} to come"))] if remaining_count else []
    return spread(fitting(parts, width - row_width(remaining) - 1, gap="  "), remaining, width)


def _remaining(progress: ProgressView, width: int) -> list[str | Span]:
    if progress.phase == "done":
        return [Span("done", "good")]
    if progress.stalled:
        return [dim("time left "), Span("unknown: stalled", "warn")]
    if progress.phase in ("timed", "warm-up") and progress.left_s is not None:
        narrow = "~" if progress.iteration is not None else "about "
        about = narrow if width < WIDE else "this configuration: about "
        return [dim(about), duration(progress.left_s), dim(" left")]
    return []


def _iteration(iteration: CurrentIteration) -> list[str | Span]:
    """Draw `iteration 3: 0:23 of ~0:38`."""
    usual = "" if iteration.usual_s is None else f" of ~{duration(iteration.usual_s)}"
    return [dim(f"{iteration.name} {iteration.number}: "), duration(iteration.seconds), dim(usual)]


def _bars(progress: ProgressView, width: int) -> Row:
    if progress.activity:
        return cut(row(dim(progress.activity)), width)
    if progress.phase == "warm-up":
        size = max(6, width // 2 - 28)
        label = f" {progress.warmed}/{progress.warm_up}"
        then = "" if progress.ended else "   timing starts afterwards"
        return row(*_bar("warm-up", progress.warmed, progress.warm_up, size, label, "warn"), dim(then))
    measured = f" {progress.measured}/{progress.num_runs}"
    seconds = f" {progress.seconds}/{progress.duration} s"
    if not progress.duration:
        return row(*_bar(progress.counts, progress.measured, progress.num_runs, max(6, width - 32), measured))
    # Fixed width for the counts, so that the second bar does not move while they grow.
    size = max(6, (width - 50) // 2)
    both = row(
        *_bar("iterations", progress.measured, progress.num_runs, size, f"{measured:<14}"),
        *_bar("duration", progress.seconds, progress.duration, size, seconds),
    )
    if row_width(both) <= width:
        return both
    return row(dim("iterations"), measured, dim("   duration"), seconds)


def _bar(
    name: str, done: int, target: int, size: int, label: str, style: str = "accent"
) -> tuple[Span, Span, Span, Span]:
    full, empty = bar(done / target if target else 1.0, size)
    return dim(f"{name} "), Span(full, style), dim(empty), Span(label)
