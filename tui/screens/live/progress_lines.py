"""How far the present configuration is: warm-up first, then iterations *and* duration until both are met."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.util.formatting import duration
from tui.framework.rows import Row, Span, cut, dim, fitting, row, row_width, spread
from tui.text import bar, wrap

WIDE = 100
Phase = Literal["waiting", "warm-up", "timed", "done"]


class Progress(msgspec.Struct, frozen=True):
    phase: Phase
    what: str
    """the configuration in words, or what is waited for"""
    number: int = 0
    total: int = 0
    """this is configuration `number` of `total`; 0: not there yet"""
    warmed: int = 0
    warm_up: int = 0
    measured: int = 0
    num_runs: int = 0
    seconds: int = 0
    duration: int = 0
    over: bool = False
    """the run has ended; nothing more will come"""
    counts: str = "iterations"
    """what `measured` and `num_runs` count"""
    words: str = ""
    """what it does, where nothing can be counted; empty: bars say it"""
    left_s: int | None = None
    """seconds until this configuration is done; None: cannot be told yet"""


def draw_progress(progress: Progress, width: int, height: int) -> list[Row]:
    if not progress.number:
        lines = wrap(progress.what, width)
        return [row(dim(line)) for line in [*lines, ""][:2]]
    return [_position(progress, width), _bars(progress, width)]


def _position(progress: Progress, width: int) -> Row:
    follow = 0 if progress.over else progress.total - progress.number
    remaining = row(*_remaining(progress, width))
    number = Span(f"{progress.number}/{progress.total}", "strong")
    parts = [row(dim("config "), number), row(progress.what)]
    parts += [row(dim(f"{follow} more to come"))] if follow else []
    return spread(fitting(parts, width - row_width(remaining) - 1, gap="  "), remaining, width)


def _remaining(progress: Progress, width: int) -> list[str | Span]:
    if progress.phase == "done":
        return [Span("measured", "good")]
    if progress.phase == "timed" and progress.left_s is not None:
        about = "about " if width < WIDE else "this configuration: about "
        return [dim(about), duration(progress.left_s), dim(" left")]
    return []


def _bars(progress: Progress, width: int) -> Row:
    if progress.words:
        return cut(row(dim(progress.words)), width)
    if progress.phase == "warm-up":
        size = max(6, width // 2 - 28)
        label = f" {progress.warmed}/{progress.warm_up}"
        then = "" if progress.over else "   timing starts after it"
        return row(*_bar("warm-up", progress.warmed, progress.warm_up, size, label, "warn"), dim(then))
    measured = f" {progress.measured}/{progress.num_runs}"
    seconds = f" {progress.seconds}/{progress.duration} s"
    if not progress.duration:
        return row(*_bar(progress.counts, progress.measured, progress.num_runs, max(6, width - 32), measured))
    # Fixed room for the counts, so that the second bar stays where it is while they grow.
    size = max(6, (width - 50) // 2)
    return row(
        *_bar("iterations", progress.measured, progress.num_runs, size, f"{measured:<14}"),
        *_bar("duration", progress.seconds, progress.duration, size, seconds),
    )


def _bar(
    name: str, done: int, wanted: int, size: int, label: str, style: str = "accent"
) -> tuple[Span, Span, Span, Span]:
    full, empty = bar(done / wanted if wanted else 1.0, size)
    return dim(f"{name} "), Span(full, style), dim(empty), Span(label)
