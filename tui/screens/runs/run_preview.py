"""The preview of the selected run next to the list, where there is width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runner.compare.run_changes import RunChange, changes_text
from runner.history.run_entry import RunEntry
from runner.history.run_list import cause_of, format_gpus, format_size
from runner.history.sweep_fold import SweepFold, axes_text, place_in_sweep
from runner.schema.axes import short_path
from runner.util.formatting import duration, plural
from tui.framework.rows import Row, Span, cut, dim, row, spread
from tui.framework.run_header import state_span
from tui.screens.runs.run_columns import format_latency
from tui.screens.runs.run_detail import draw_run_detail
from tui.text import align_right, fit, format_measurement, plain_text, shorten, wrap

RATE, LATENCY = 10, 12
"""cells of the numbers of a configuration"""


@dataclass(frozen=True)
class PreviewData:
    """A run, and what was read of it for the preview."""

    entry: RunEntry
    changes: Sequence[RunChange] | None = None
    """since the previous run of its profile; None: not read yet, or there is none"""
    previous: str = ""
    """short id of that run"""
    warnings: tuple[str, ...] = ()
    """about its numbers, the largest effect first"""


def draw_detail(data: PreviewData | tuple[()], width: int, height: int) -> list[Row]:
    """Draw the lines below the list, for screens without room for a preview."""
    if not isinstance(data, PreviewData):
        return []
    rows = draw_run_detail(data.entry, width, height)
    if data.changes and (not height or len(rows) < height):
        changed = Span(plain_text(changes_text(data.changes)))
        rows.append(cut(row(dim(f"changed since {data.previous}: "), changed), width))
    return rows


def draw_preview(data: PreviewData | tuple[()], width: int, height: int) -> list[Row]:
    """Draw state, numbers, changes and warnings of the selected run, as far as lines are free."""
    if not isinstance(data, PreviewData):
        return []
    entry = data.entry
    rows = [*_head(entry, width), ()]
    for title, part in _parts(data, width):
        lines = list(part)
        if lines:
            rows += [cut(row(Span(title, "title")), width), *lines, ()]
    while rows and not rows[-1]:
        rows.pop()
    if height and len(rows) > height:
        rows = [*rows[: height - 1], row(dim("… Enter opens it"))]
    return rows


def _head(entry: RunEntry, width: int) -> Iterator[Row]:
    name = (
        f"“{plain_text(entry.name)}” {plain_text(entry.profile)}" if entry.name else plain_text(entry.profile)
    )
    took = row(dim(duration(entry.seconds))) if entry.seconds else ()
    yield cut(row(Span(name, "strong")), width)
    state = dim("not a run") if entry.foreign else state_span(entry.status, entry.job_end)
    yield spread(row(state), took, width)
    yield cut(row(dim(plain_text(entry.run))), width)
    where = (entry.engine, format_gpus(entry.gpus), entry.host, format_size(entry.disk) if entry.disk else "")
    for text in (entry.summary, " · ".join(part for part in where if part)):
        for line in wrap(plain_text(text), width) if text else ():
            yield row(dim(line))


def _parts(data: PreviewData, width: int) -> Iterator[tuple[str, Iterator[Row]]]:
    entry = data.entry
    yield "cause", _texts((cause_of(entry),), width, "bad")
    if isinstance(entry, SweepFold):
        yield axes_text((), len(entry.runs), entry.total), _varied(entry, width)
        yield "runs, best first", _runs(entry, width)
    else:
        yield "configurations", _configurations(entry, width)
        yield "in its sweep", _texts((place_in_sweep(entry),), width, "")
        if data.changes is not None:
            yield f"changed since {data.previous}", _changes(data.changes, width)
    yield plural(entry.flags, "warning"), _texts(data.warnings, width, "warn")
    yield "tags", _texts((" ".join(entry.tags),), width, "accent")
    yield "note", _texts((entry.note.replace("\n", " "),), width, "")


def _texts(texts: Sequence[str], width: int, style: str) -> Iterator[Row]:
    for text in texts:
        for line in wrap(plain_text(text), max(10, width - 2)) if text else ():
            yield row("  ", Span(line, style))


def _configurations(entry: RunEntry, width: int) -> Iterator[Row]:
    if entry.figures:
        yield _numbers("", "tokens/s", "latency", width, "dim")
    for figure in entry.figures:
        best = figure == entry.best and len(entry.figures) > 1
        rate = "–" if figure.tokens_per_sec is None else format_measurement(figure.tokens_per_sec)
        latency = "–" if figure.latency_ms is None else format_latency(figure.latency_ms)
        yield _numbers(figure.title, rate, latency, width, "good" if best else "")


def _numbers(name: str, rate: str, latency: str, width: int, style: str) -> Row:
    room = max(8, width - RATE - LATENCY - 2)
    numbers = align_right(rate, RATE) + align_right(latency, LATENCY)
    return cut(row("  ", Span(fit(shorten(name, room), room) + numbers, style)), width)


def _varied(entry: SweepFold, width: int) -> Iterator[Row]:
    for path, values in entry.axes:
        yield from _texts((f"{short_path(path)}: {', '.join(values)}",), width, "")
    counts = ", ".join(f"{count} {status}" for status, count in entry.counts.items())
    yield from _texts((counts,), width, "dim")


def _runs(entry: SweepFold, width: int) -> Iterator[Row]:
    def worth(run: RunEntry) -> tuple[float, float]:
        best = run.ranked
        return (best.tokens_per_sec or 0.0, -(best.latency_ms or 0.0)) if best else (-1.0, 0.0)

    yield _numbers("", "tokens/s", "latency", width, "dim")
    for number, run in enumerate(sorted(entry.runs, key=worth, reverse=True)):
        best = run.ranked
        rate = format_measurement(best.tokens_per_sec) if best and best.tokens_per_sec is not None else "–"
        latency = format_latency(best.latency_ms) if best and best.latency_ms is not None else run.status
        name = plain_text(place_in_sweep(run) or run.run)
        yield _numbers(name, rate, latency, width, "good" if best and not number else "")


def _changes(changes: Sequence[RunChange], width: int) -> Iterator[Row]:
    if not changes:
        yield row(dim("  nothing: same machine, software and profile"))
    for change in changes:
        yield from _texts((f"{change.name}: {change.before} → {change.after}",), width, "")
