"""The result table: a row a metric, columns for each configuration, doubtful numbers in grey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from runner.metrics import BY_NAME
from runner.report import result_table
from runner.report.model import MetricCell as Value
from runner.report.model import Report
from runner.report.result_table import TableRow
from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, dim, row
from tui.plots.spark import SparkData, draw_spark
from tui.text import align_right, fit, plain_text, shorten, width_of

UNIT = 11
VALUE = 13
MARK = 3
"""cells after a number for the mark of the best and the worst"""
MOST_DIGITS = max(metric.digits for metric in BY_NAME.values())
MIN_NAME, ARROW = 12, 3
"""least cells of a metric's name; cells of the arrow to further configurations"""
BEST, WORST = "▲", "▽"

ExtraName = Literal["baseline", "margin", "printed"]


class ExtraColumn(NamedTuple):
    """An optional column to the right of a number."""

    upper: str
    lower: str
    width: int
    text: Callable[[Value | None], str]


def _printed(value: Value | None) -> str:
    return plain_text(value.printed) if value is not None else ""


EXTRAS: dict[ExtraName, ExtraColumn] = {
    "margin": ExtraColumn("", "95 %", 13, result_table.format_margin),
    "baseline": ExtraColumn("vs", "baseline", 18, result_table.format_change),
    "printed": ExtraColumn("reported by", "engine", 14, _printed),
}


@dataclass(frozen=True)
class MetricTable:
    """Content of the table, and its selected cell."""

    columns: tuple[str, ...]
    lines: tuple[TableRow, ...]
    selected: int = 0
    """index into `lines`"""
    column: int = 0
    required: tuple[ExtraName, ...] = ()
    """extra columns to show if they fit next to one configuration, the most important first"""
    if_room: tuple[ExtraName, ...] = ()
    """extra columns to show only if all configurations still fit"""
    full_digits: bool = False
    """all digits, not only those that the interval of a number supports"""
    courses: tuple[SparkData, ...] = field(default=(), compare=False)
    """the iterations of each configuration; empty until read"""
    read: bool = False

    def move(self, rows: int, columns: int) -> MetricTable:
        """Return the table with the selection moved, within its bounds."""
        return self.select(self.selected + rows, self.column + columns)

    def select(self, line: int, column: int) -> MetricTable:
        """Return the table with this cell selected, or the nearest one."""
        return replace(self, selected=_clamp(line, len(self.lines)), column=_clamp(column, len(self.columns)))

    def toggle(self, extra: ExtraName, width: int) -> MetricTable:
        """Return the table with an extra column shown or hidden."""
        required = tuple(name for name in self.required if name != extra)
        if_room = tuple(name for name in self.if_room if name != extra)
        hide = extra in layout_table(self, width).extras
        return replace(self, required=required if hide else (extra, *required), if_room=if_room)

    def toggle_digits(self) -> MetricTable:
        """Return the table with all digits and what the engine reported, or rounded without it."""
        required: tuple[ExtraName, ...] = tuple(name for name in self.required if name != "printed")
        if not self.full_digits and any(_printed(cell) for line in self.lines for cell in line.cells):
            required = ("printed", *required)
        return replace(self, full_digits=not self.full_digits, required=required)

    @property
    def value(self) -> Value | None:
        """The selected cell."""
        return self.lines[self.selected].cells[self.column] if self.lines else None

    @property
    def ranking(self) -> str:
        """Whether the selected number is the best or the worst of all configurations."""
        if not self.lines:
            return ""
        line = self.lines[self.selected]
        of = f"of {line.rivals(self.column)} configurations with equal work"
        if self.column in line.best:
            return f"best {of}"
        return f"worst {of}" if self.column in line.worst else ""

    @property
    def has_marks(self) -> bool:
        """Whether any number is marked as the best or the worst."""
        return any(line.best or line.worst for line in self.lines)


def _clamp(index: int, count: int) -> int:
    return max(0, min(index, count - 1))


def make_table(report: Report) -> MetricTable:
    """Return the table of a report; metrics without a value or note in any configuration are left out."""
    found = result_table.build_table(report)
    lines = tuple(line for _, lines in found.groups() for line in lines)
    every = [row for line in lines for row in line.cells]
    available = tuple(name for name, extra in EXTRAS.items() if any(map(extra.text, every)))
    return MetricTable(
        found.columns, lines, required=("baseline",) if "baseline" in available else (), if_room=available
    )


def cell_text(value: Value | None, digits: int) -> str:
    """Format the number for the table; a dash for none."""
    return format_number(value.value, digits) if value is not None and value.value is not None else "–"


# --- layout ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableLayout:
    """Layout of the table for a width: the extra columns that fit, and the visible configurations."""

    name: int
    unit: int
    """cells of the units; 0: a number fits only without them"""
    cell: int
    """cells of one configuration"""
    first: int
    count: int
    extras: tuple[ExtraName, ...]

    @property
    def label(self) -> int:
        return self.name + self.unit

    def configuration_at(self, x: int) -> int | None:
        """Return the configuration at column x of the widget; None: none."""
        index = (x - self.label) // self.cell
        return self.first + index if 0 <= index < self.count else None


def layout_table(table: MetricTable, width: int) -> TableLayout:
    longest = max((width_of(line.metric.title) for line in table.lines), default=0)
    # On a narrow terminal a second configuration is more useful than long metric names.
    name = max(24, min(longest + 3, 30 if len(table.columns) > 1 and width < 90 else width // 2))
    mark = MARK if len(table.columns) > 1 else 0
    cell, extras, unit = VALUE + mark, [], UNIT
    if name + UNIT + cell > width:
        name, unit = max(MIN_NAME, width - cell - ARROW), 0
    candidates = [(extra, 1) for extra in table.required]
    candidates += [(extra, len(table.columns)) for extra in table.if_room]
    for extra, configurations in candidates:
        fits = name + UNIT + configurations * (cell + EXTRAS[extra].width) <= width
        if fits and extra not in extras:
            cell += EXTRAS[extra].width
            extras.append(extra)
    ordered = tuple(extra for extra in EXTRAS if extra in extras)
    room, count = width - name - unit, len(table.columns)
    if count * cell > room:
        count = max(1, (room - ARROW) // cell)
    first = max(0, min(table.column - count + 1, len(table.columns) - count))
    return TableLayout(name, unit, cell, first, count, ordered)


def heading_rows(table: MetricTable, width: int, spark_height: int = 1) -> list[Row]:
    """Draw the rows above the table that do not scroll: batch size, lengths, sparklines of the iterations."""
    if not table.columns:
        return []
    layout = layout_table(table, width)
    more = "  →" if layout.first + layout.count < len(table.columns) else ""
    before = "←  " if layout.first else ""
    upper: list[str | Span] = [dim(" " * layout.label)]
    lower: list[str | Span] = [dim(align_right(before, layout.label))]
    for index in range(layout.first, layout.first + layout.count):
        head, _, lengths = table.columns[index].rpartition(" ")
        style = "accent" if index == table.column and len(table.columns) > 1 else "dim"
        gap = " " * (layout.cell - VALUE - sum(EXTRAS[extra].width for extra in layout.extras))
        upper.append(Span(align_right(_short(head), VALUE) + gap, style))
        lower.append(Span(align_right(shorten(lengths, VALUE), VALUE) + gap, style))
        for extra in layout.extras:
            upper.append(dim(align_right(EXTRAS[extra].upper, EXTRAS[extra].width)))
            lower.append(dim(align_right(EXTRAS[extra].lower, EXTRAS[extra].width)))
    return [row(*upper), row(*lower, dim(more)), *_sparks(table, layout, width, spark_height)]


def _short(head: str) -> str:
    """Abbreviate a heading like `concurrency 128` to the width of a number."""
    for word, brief in (("concurrency ", "conc. "), ("weights ", "w "), ("batch ", "b ")):
        if width_of(head) >= VALUE:
            head = head.replace(word, brief)
    return shorten(head, VALUE - 1)


def _sparks(table: MetricTable, layout: TableLayout, width: int, height: int) -> Iterator[Row]:
    """Draw all iterations of each visible configuration, each on its own scale; warm-up shaded."""
    if not any(course.total for course in table.courses):
        return
    single = len(table.columns) == 1
    cells = min(60, width - layout.label - 1 if single else layout.cell - 2)
    drawn = [
        draw_spark(course, cells, height)
        for course in table.courses[layout.first : layout.first + layout.count]
    ]
    for y in range(height):
        what = f"  {table.courses[layout.first].what}" if y == 0 else ""
        spans: list[str | Span] = [dim(fit(what, layout.name))]
        spans.append(dim(fit("ms" if y == 0 else "", layout.unit)))
        for rows in drawn:
            spans += [" ", *rows[y], " " * max(0, layout.cell - cells - 1)]
        yield row(*spans)


def draw_table(table: MetricTable, width: int, height: int) -> list[Row]:
    """Draw the rows of the table with a heading for each group."""
    if not table.lines:
        return [row(dim("no number was measured"))]
    layout = layout_table(table, width)
    drawn: list[Row] = []
    for content in _row_contents(table):
        if isinstance(content, int):
            drawn.append(_line(table, table.lines[content], layout, width))
        else:
            drawn.append(row(Span(content, "title")) if content else ())
    return drawn


def row_index(table: MetricTable) -> int | None:
    """Return the drawn row of the selected metric."""
    return next((y for y, content in enumerate(_row_contents(table)) if content == table.selected), None)


def line_at(table: MetricTable, y: int) -> int | None:
    """Return the metric at a drawn row; None: a heading or empty row."""
    contents = list(_row_contents(table))
    content = contents[y] if 0 <= y < len(contents) else ""
    return content if isinstance(content, int) else None


def _row_contents(table: MetricTable) -> Iterator[int | str]:
    """Yield for each drawn row the index of its metric, its heading, or an empty text."""
    group = ""
    for index, line in enumerate(table.lines):
        if line.metric.group != group:
            if group:
                yield ""
            group = line.metric.group
            yield result_table.heading(line.metric.group)
        yield index


def _line(table: MetricTable, line: TableRow, layout: TableLayout, width: int) -> Row:
    metric = line.metric
    title = fit(f"  {metric.title}", layout.name - 1)
    spans: list[str | Span] = [f"{title} ", dim(fit(metric.unit, layout.unit))]
    for index in range(layout.first, layout.first + layout.count):
        value = line.cells[index]
        digits = metric.digits if table.full_digits else result_table.digits_of(value, metric)
        spans.append(_cell(value, digits))
        if len(table.columns) > 1:
            mark = BEST if index in line.best else WORST if index in line.worst else ""
            spans.append(Span(fit(f" {mark}", MARK), "good" if mark == BEST else "warn"))
        spans += [dim(align_right(EXTRAS[extra].text(value), EXTRAS[extra].width)) for extra in layout.extras]
    alone = line.cells[0] if len(table.columns) == 1 else None
    if alone is not None:
        room = width - layout.label - layout.cell - 2
        spans.append(dim("  " + shorten(alone.note, room) if room > 8 else ""))
    return row(*spans)


def _cell(value: Value | None, digits: int) -> Span:
    # The decimal points of a column are aligned, whatever the number of digits.
    behind = " " * (MOST_DIGITS - digits + (digits == 0))
    text = align_right(cell_text(value, digits) + behind, VALUE)
    return Span(text, "dim" if value is None or result_table.is_doubtful(value) else "")
