"""Details of the selected run, uncut."""

from __future__ import annotations

from runner.history.run_entry import RunEntry
from runner.history.run_list import cause_of, format_gpus, format_size
from runner.history.sweep_fold import SweepFold, axes_text
from runner.util.formatting import plural
from tui.framework.rows import Row, Span, cut, dim, row, row_width
from tui.screens.runs.run_columns import format_latency
from tui.text import format_measurement, plain_text, wrap


def draw_run_detail(entry: RunEntry | tuple[()], width: int, height: int) -> list[Row]:
    """Draw identity, results, cause of failure, tags and note of a run, as far as lines are free."""
    if not isinstance(entry, RunEntry):
        return []
    labels = _labels(entry, width)
    name, about = _identity(entry)
    both = row(*name, "  " if about else "", *about)
    fits = height - 2 - bool(labels) - bool(cause_of(entry)) > 0
    lines = [cut(name, width), cut(about, width)] if fits and row_width(both) > width else [cut(both, width)]
    if not entry.foreign:
        lines.append(cut(_numbers(entry), width))
    space = max(1, height - len(lines) - min(len(labels), 1)) if height else 2
    cause = [row(Span(line, "bad")) for line in wrap(plain_text(cause_of(entry)), width) if line]
    lines += cause[:space]
    lines += labels
    return lines[:height] if height else lines


def _identity(entry: RunEntry) -> tuple[Row, Row]:
    """Draw name and id, and engine, GPUs, host and size."""
    where = [entry.engine, format_gpus(entry.gpus), entry.host, format_size(entry.disk) if entry.disk else ""]
    about = " · ".join(plain_text(part) for part in where if part)
    name = (
        row(Span(f"“{plain_text(entry.name)}” ", "strong"), plain_text(entry.profile), "  ")
        if entry.name
        else ()
    )
    return (*name, dim(plain_text(entry.run))), row(dim(about))


def _numbers(entry: RunEntry) -> Row:
    best = entry.best
    if best is None:
        return row(dim("no results" if entry.ended else "running; Enter shows it live"))
    numbers = (
        [f"{format_measurement(best.tokens_per_sec)} tokens/s"] if best.tokens_per_sec is not None else []
    )
    numbers += [format_latency(best.latency_ms)] if best.latency_ms is not None else []
    if isinstance(entry, SweepFold):
        more = f"  best of {axes_text(entry.axes, len(entry.runs), entry.total)}"
    else:
        others = len(entry.figures) - 1
        more = f"  best of {others + 1} configurations" if others else ""
    flags = Span(f"  {plural(entry.flags, 'warning')}", "warn") if entry.flags else ""
    return row(f"{best.title}: {', '.join(numbers)}", dim(more), flags)


def _labels(entry: RunEntry, width: int) -> list[Row]:
    tags = plain_text(" ".join(entry.tags))
    note = (
        wrap(plain_text(entry.note.replace("\n", " ")), max(10, width - len(tags) - 2))[0]
        if entry.note
        else ""
    )
    return [row(Span(tags, "accent"), "  " if tags and note else "", note)] if tags or note else []
