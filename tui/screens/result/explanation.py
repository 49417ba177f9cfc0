"""Explains the selected number of the result table: value, interval, samples and meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.metrics.explain import metric_facts
from runner.report import result_table
from runner.report.model import MetricCell as Value
from runner.util.formatting import format_number
from tui.screens.result.metric_table import MetricTable, cell_text
from tui.text import plain_text

if TYPE_CHECKING:
    from tui.screens.dialogs.help import HelpSection


def describe_interval(value: Value, digits: int) -> str:
    """Return `95 %: 63 540.1 to 63 547.0`; an open side as text; empty without an interval."""
    low, high = (None if bound is None else format_number(bound, digits) for bound in (value.low, value.high))
    if low is None and high is None:
        return ""
    if high is None:
        return f"95 %: {low} or more; too few iterations for an upper bound"
    return f"95 %: {low} to {high}" if low is not None else f"95 %: {high} or less; no lower bound"


def explain_value(table: MetricTable) -> tuple[str, tuple[HelpSection, ...]]:
    """Return title and sections about the selected number."""
    line, value = table.lines[table.selected], table.value
    metric = line.metric
    lines: list[tuple[str, str]] = []
    if value is not None:
        lines.append(("value", f"{cell_text(value, metric.digits)} {metric.unit}".rstrip()))
        if interval := describe_interval(value, metric.digits):
            lines.append(("95 %", f"{interval.removeprefix('95 %: ')}, from the iterations of this run only"))
        lines.append(("n", f"{format_number(value.n)} {metric.count}".rstrip()))
        if value.versus is not None:
            lines.append(("vs baseline", result_table.describe_change(value.versus, metric.digits)))
        if value.note:
            lines.append(("note", value.note))
        if value.printed:
            key = f" as {metric.upstream_key}" if metric.upstream_key else ""
            lines.append(("reported", f"{plain_text(value.printed)}{key}, by the engine"))
    sections = (("this number", tuple(lines)), ("what it means", metric_facts(metric)))
    return f"{metric.title} · {table.columns[table.column]}", sections
