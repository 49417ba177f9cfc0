"""What a chosen number of the final table is made of and how well it is known, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.metrics.explain import facts
from runner.report import result_table
from runner.report.model import Row as Value
from runner.util.formatting import number
from tui.screens.result.metric_table import Table, cell_text
from tui.text import plain

if TYPE_CHECKING:
    from tui.screens.dialogs.help import Section


def interval_words(value: Value, digits: int) -> str:
    """`95 %: 63 540.1 to 63 547.0`; an open side in words, empty for none."""
    low, high = (None if bound is None else number(bound, digits) for bound in (value.low, value.high))
    if low is None and high is None:
        return ""
    if high is None:
        return f"95 %: {low} or more; too few iterations for an upper bound"
    return f"95 %: {low} to {high}" if low is not None else f"95 %: {high} or less; no lower bound"


def explanation(table: Table) -> tuple[str, tuple[Section, ...]]:
    """Title and lines about the chosen number."""
    line, value = table.lines[table.chosen], table.value
    metric = line.metric
    lines: list[tuple[str, str]] = []
    if value is not None:
        lines.append(("value", f"{cell_text(value, metric.digits)} {metric.unit}".rstrip()))
        if between := interval_words(value, metric.digits):
            lines.append(("95 %", f"{between.removeprefix('95 %: ')}, from the iterations of this run alone"))
        lines.append(("n", f"{number(value.n)} {metric.count}".rstrip()))
        if value.versus is not None:
            lines.append(("vs baseline", result_table.versus_words(value.versus, metric.digits)))
        if value.note:
            lines.append(("note", value.note))
        if value.printed:
            key = f" as {metric.upstream_key}" if metric.upstream_key else ""
            lines.append(("printed", f"{plain(value.printed)}{key}, by the engine"))
    sections = (("this number", tuple(lines)), ("what it means", facts(metric)))
    return f"{metric.title} · {table.columns[table.column]}", sections
