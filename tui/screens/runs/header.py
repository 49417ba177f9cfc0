"""The lines above the list of runs: how many there are, and why a filter is not valid."""

from __future__ import annotations

from collections.abc import Sequence

from runner.history.run_entry import RunEntry
from runner.history.run_list import format_size
from runner.util.formatting import format_number, plural
from tui.framework.rows import Row, Span, dim, row, spread
from tui.text import plain_text, wrap


def count_runs(entries: Sequence[RunEntry], marked: int) -> str:
    """Return the summary of the list: marked runs, all runs, active runs and disk usage; empty: no runs."""
    if not entries:
        return ""
    running = sum(not entry.ended for entry in entries)
    disk = sum(entry.disk or 0 for entry in entries)
    parts = [
        f"{format_number(marked)} marked" if marked else "",
        plural(len(entries), "run"),
        f"{format_number(running)} active" if running else "",
        format_size(disk) if disk else "",
    ]
    return " · ".join(part for part in parts if part)


def draw_header(count: str, width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  runs"))
    return [spread(left, row(dim(count)), width)]


def draw_filter_error(error: str, width: int, height: int) -> list[Row]:
    return [row(Span(line, "bad")) for line in wrap(plain_text(error), max(10, width))] if error else []
