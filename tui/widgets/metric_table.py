"""The final table: a row a metric, a column a configuration, and in grey what its own note puts in doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from runner import grid
from runner.metrics import BY_NAME, Group, Metric
from runner.report import ConfigurationReport, Report
from runner.report import Row as Value
from tui.text import fit, number, plain, right, shorten, width_of
from tui.widgets.rows import Row, Span, dim, row

GROUPS: tuple[Group, ...] = get_args(Group)
NAME = 34
UNIT = 11
VALUE = 13
MARGIN = 14
PRINTED = 14
MOST_DIGITS = max(metric.digits for metric in BY_NAME.values())


@dataclass(frozen=True)
class Line:
    """A row of the table: a metric with its value in every configuration."""

    metric: Metric
    values: tuple[Value | None, ...]


@dataclass(frozen=True)
class Table:
    """What the table shows, and which cell of it is chosen."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    chosen: int = 0
    """index into `lines`"""
    column: int = 0
    printed: bool = False
    """show the engine's own numbers beside ours"""

    def moved(self, rows: int, columns: int) -> Table:
        """The table with another cell chosen, as far as there are cells."""
        return replace(
            self,
            chosen=_within(self.chosen + rows, len(self.lines)),
            column=_within(self.column + columns, len(self.columns)),
        )

    @property
    def value(self) -> Value | None:
        """The chosen cell."""
        return self.lines[self.chosen].values[self.column] if self.lines else None


def _within(index: int, count: int) -> int:
    return max(0, min(index, count - 1))


def table_of(report: Report) -> Table:
    """The table of a report; metrics that no configuration has anything to say about are left out."""
    columns = tuple(configuration_name(configuration) for configuration in report.configurations)
    by_name = [{value.metric: value for value in found.rows} for found in report.configurations]
    lines = []
    for group in GROUPS:
        for metric in BY_NAME.values():
            if metric.group != group:
                continue
            values = tuple(values.get(metric.name) for values in by_name)
            if any(value is not None and says_something(value) for value in values):
                lines.append(Line(metric, values))
    return Table(columns, tuple(lines), printed=len(columns) == 1)


def configuration_name(configuration: ConfigurationReport) -> str:
    """`batch 16 1024→1024`; the table breaks it at the second space."""
    return f"batch {configuration.batch_size} {configuration.input_len}→{configuration.output_len}"


def says_something(value: Value) -> bool:
    return value.value is not None or bool(value.printed or value.note)


def cell_text(value: Value | None, digits: int) -> str:
    """The number as it stands in the table; a dash for none."""
    return number(value.value, digits) if value is not None and value.value is not None else "–"


def heading_rows(table: Table, width: int) -> list[Row]:
    """The two lines above the table, which do not scroll: batch size, and lengths in→out."""
    if not table.columns:
        return []
    first, count = _in_view(table, width)
    more = "  →" if first + count < len(table.columns) else ""
    before = right("←  " if first else "", NAME + UNIT)
    upper: list[str | Span] = [dim(" " * (NAME + UNIT))]
    lower: list[str | Span] = [dim(before)]
    for index in range(first, first + count):
        batch, _, lengths = table.columns[index].rpartition(" ")
        style = "accent" if index == table.column and len(table.columns) > 1 else "dim"
        upper.append(Span(right(batch, VALUE), style))
        lower.append(Span(right(shorten(lengths, VALUE), VALUE), style))
        if len(table.columns) == 1:
            upper.append(dim(" " * MARGIN))
            lower.append(dim(fit("  95 %", MARGIN)))
        if table.printed:
            upper.append(dim(right("the engine's", PRINTED)))
            lower.append(dim(right("own", PRINTED)))
    return [row(*upper), row(*lower, dim(more))]


def draw_table(table: Table, width: int, height: int) -> list[Row]:
    """Rows of the table with a heading for each group."""
    if not table.lines:
        return [row(dim("no number was measured"))]
    drawn: list[Row] = []
    group = ""
    for line in table.lines:
        if line.metric.group != group:
            group = line.metric.group
            drawn += [(), row(Span(group, "title"))] if drawn else [row(Span(group, "title"))]
        drawn.append(_line(table, line, width))
    return drawn


def row_index(table: Table) -> int | None:
    """At which drawn row the chosen metric stands."""
    if not table.lines:
        return None
    groups = [line.metric.group for line in table.lines[: table.chosen + 1]]
    headings = len(set(groups))
    return table.chosen + headings + (headings - 1)


def _line(table: Table, line: Line, width: int) -> Row:
    first, count = _in_view(table, width)
    metric = line.metric
    spans: list[str | Span] = [fit(f"  {metric.title}", NAME), dim(fit(metric.unit, UNIT))]
    for value in line.values[first : first + count]:
        spans.append(_cell(value, metric.digits))
        if len(table.columns) == 1:
            spans.append(dim(fit(f"  {grid.margin(value)}", MARGIN)))
        if table.printed:
            spans.append(dim(right(plain(value.printed) if value is not None else "", PRINTED)))
    if len(table.columns) == 1 and line.values[0] is not None:
        room = width - NAME - UNIT - VALUE - MARGIN - (PRINTED if table.printed else 0) - 2
        spans.append(dim("  " + shorten(line.values[0].note, max(0, room))))
    return row(*spans)


def _cell(value: Value | None, digits: int) -> Span:
    # The decimal points of a column stand below one another, however many digits follow.
    behind = " " * (MOST_DIGITS - digits + (digits == 0))
    text = right(cell_text(value, digits) + behind, VALUE)
    doubtful = value is None or value.value is None or bool(value.note)
    return Span(text, "dim" if doubtful else "")


def _in_view(table: Table, width: int) -> tuple[int, int]:
    """First column in view and how many: the chosen one is always among them."""
    cell = VALUE + (PRINTED if table.printed else 0)
    fitting = max(1, (width - NAME - UNIT - 3) // cell)
    count = min(fitting, len(table.columns))
    first = max(0, min(table.column - count + 1, len(table.columns) - count))
    return first, count


# --- as Markdown -------------------------------------------------------------------------------------------


def as_markdown(report: Report) -> str:
    """The whole table as Markdown, flags included: what one pastes into an issue."""
    table = table_of(report)
    heading = ["metric", "unit", *table.columns]
    lines = [[line.metric.title, line.metric.unit, *_markdown_cells(line)] for line in table.lines]
    escaped = [[cell.replace("|", "\\|") for cell in cells] for cells in [heading, *lines]]
    widths = [max(width_of(cells[index]) for cells in escaped) for index in range(len(heading))]
    align = [fit if index < 2 else right for index in range(len(heading))]
    drawn = [
        _markdown_row([put(cell, width) for put, cell, width in zip(align, cells, widths, strict=True)])
        for cells in escaped
    ]
    rule = _markdown_row(
        ["-" * widths[0], "-" * widths[1], *("-" * (width - 1) + ":" for width in widths[2:])]
    )
    flags = [f"- {plain(flag)}" for flag in all_flags(report)]
    about = f"({plain(report.summary)}), run `{plain(report.run)}`: {report.status}"
    title = f"**{plain(report.profile)}** {about}"
    return "\n".join([title, "", drawn[0], rule, *drawn[1:], *([""] if flags else []), *flags, ""])


def _markdown_cells(line: Line) -> list[str]:
    return [
        cell_text(value, line.metric.digits) + (" \\*" if value is not None and value.note else "")
        for value in line.values
    ]


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


# --- flags -------------------------------------------------------------------------------------------------


def all_flags(report: Report) -> list[str]:
    """Reasons to distrust numbers, each said once with the configurations that it is about."""
    about: dict[str, list[str]] = {}
    for configuration in report.configurations:
        for flag in configuration.flags:
            about.setdefault(flag, []).append(configuration_name(configuration))
    total = len(report.configurations)
    found = list(report.flags)
    for flag, names in about.items():
        if len(names) < total:
            found.append(f"{', '.join(names)}: {flag}")
        else:
            found.append(f"all {total} configurations: {flag}" if total > 1 else flag)
    return found
