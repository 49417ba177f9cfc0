"""Some lines on the chosen run: all that its line in the list may have cut."""

from __future__ import annotations

from runner.history.run_entry import Entry
from runner.history.run_list import cause_of, gpu_words, size
from runner.util.formatting import plural
from tui.framework.rows import Row, Span, cut, dim, row, row_width
from tui.screens.runs.run_columns import latency_words
from tui.text import measure, plain, wrap


def draw_run_detail(chosen: Entry | tuple[()], width: int, height: int) -> list[Row]:
    """What it is, its numbers, why it failed, and what people said about it; as far as there are lines."""
    if not isinstance(chosen, Entry):
        return []
    said = _said(chosen, width)
    name, about = _what(chosen)
    both = row(*name, "  " if about else "", *about)
    spare = height - 2 - bool(said) - bool(cause_of(chosen)) > 0
    lines = [cut(name, width), cut(about, width)] if spare and row_width(both) > width else [cut(both, width)]
    if not chosen.foreign:
        lines.append(cut(_numbers(chosen), width))
    space = max(1, height - len(lines) - min(len(said), 1)) if height else 2
    cause = [row(Span(line, "bad")) for line in wrap(plain(cause_of(chosen)), width) if line]
    lines += cause[:space]
    lines += said
    return lines[:height] if height else lines


def _what(entry: Entry) -> tuple[Row, Row]:
    """What it is called, and where it ran."""
    where = [entry.engine, gpu_words(entry.gpus), entry.host, size(entry.disk) if entry.disk else ""]
    about = " · ".join(plain(part) for part in where if part)
    name = row(Span(f"“{plain(entry.name)}” ", "strong"), plain(entry.profile), "  ") if entry.name else ()
    return (*name, dim(plain(entry.run))), row(dim(about))


def _numbers(entry: Entry) -> Row:
    best = entry.best
    if best is None:
        return row(dim("no number was measured" if entry.ended else "under way; Enter shows it live"))
    numbers = [f"{measure(best.tokens_per_sec)} tokens/s"] if best.tokens_per_sec is not None else []
    numbers += [latency_words(best.latency_ms)] if best.latency_ms is not None else []
    others = len(entry.figures) - 1
    more = f"  the best of {others + 1} configurations" if others else ""
    flags = Span(f"  {plural(entry.flags, 'flag')}", "warn") if entry.flags else ""
    return row(f"{best.title}: {', '.join(numbers)}", dim(more), flags)


def _said(entry: Entry, width: int) -> list[Row]:
    tags = plain(" ".join(entry.tags))
    note = wrap(plain(entry.note.replace("\n", " ")), max(10, width - len(tags) - 2))[0] if entry.note else ""
    return [row(Span(tags, "accent"), "  " if tags and note else "", note)] if tags or note else []
