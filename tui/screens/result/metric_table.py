"""The final table: a row a metric, columns for each configuration, in grey what its note puts in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from runner.metrics import BY_NAME
from runner.report import result_table
from runner.report.model import Report
from runner.report.model import Row as Value
from runner.report.result_table import Line
from runner.util.formatting import number
from tui.framework.rows import Row, Span, dim, row
from tui.plots.spark import Course, spark
from tui.text import fit, plain, right, shorten, width_of

UNIT = 11
VALUE = 13
PLACE = 3
"""columns behind a number for the mark of the best and the worst"""
MOST_DIGITS = max(metric.digits for metric in BY_NAME.values())
BEST, WORST = "▲", "▽"

ExtraName = Literal["baseline", "margin", "printed"]


class Extra(NamedTuple):
    """A column beside a number that can be shown and hidden."""

    upper: str
    lower: str
    width: int
    text: Callable[[Value | None], str]


def _printed(value: Value | None) -> str:
    return plain(value.printed) if value is not None else ""


EXTRAS: dict[ExtraName, Extra] = {
    "margin": Extra("", "95 %", 13, result_table.margin),
    "baseline": Extra("vs", "baseline", 18, result_table.versus),
    "printed": Extra("the engine's", "own", 14, _printed),
}


@dataclass(frozen=True)
class Table:
    """What the table shows, and which cell of it is chosen."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    chosen: int = 0
    """index into `lines`"""
    column: int = 0
    asked: tuple[ExtraName, ...] = ()
    """what must stand beside each number, the dearest first, if it fits beside one configuration"""
    spare: tuple[ExtraName, ...] = ()
    """what stands there where all configurations fit nevertheless"""
    courses: tuple[Course, ...] = field(default=(), compare=False)
    """the iterations of each configuration; empty until they are read"""
    read: bool = False

    def moved(self, rows: int, columns: int) -> Table:
        """The table with another cell chosen, as far as there are cells."""
        return self.at(self.chosen + rows, self.column + columns)

    def at(self, line: int, column: int) -> Table:
        """The table with a cell chosen, the nearest one there is."""
        return replace(self, chosen=_within(line, len(self.lines)), column=_within(column, len(self.columns)))

    def toggled(self, extra: ExtraName, width: int) -> Table:
        """The table without a column that is shown, or with one that is not."""
        asked = tuple(name for name in self.asked if name != extra)
        spare = tuple(name for name in self.spare if name != extra)
        hide = extra in shape_of(self, width).extras
        return replace(self, asked=asked if hide else (extra, *asked), spare=spare)

    @property
    def value(self) -> Value | None:
        """The chosen cell."""
        return self.lines[self.chosen].values[self.column] if self.lines else None

    @property
    def place(self) -> str:
        """Where the chosen number stands among those of other configurations, in words."""
        if not self.lines:
            return ""
        line, total = self.lines[self.chosen], len(self.columns)
        if self.column == line.best:
            return f"best of {total} configurations"
        return f"worst of {total} configurations" if self.column == line.worst else ""


def _within(index: int, count: int) -> int:
    return max(0, min(index, count - 1))


def table_of(report: Report) -> Table:
    """The table of a report; metrics that no configuration has anything to say about are left out."""
    found = result_table.grid_of(report)
    lines = tuple(line for _, lines in found.groups() for line in lines)
    every = [row for line in lines for row in line.values]
    spare = tuple(name for name, extra in EXTRAS.items() if any(map(extra.text, every)))
    return Table(found.columns, lines, asked=("baseline",) if "baseline" in spare else (), spare=spare)


def cell_text(value: Value | None, digits: int) -> str:
    """The number as it stands in the table; a dash for none."""
    return number(value.value, digits) if value is not None and value.value is not None else "–"


# --- where things stand ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """How the table lies in a width: which extras fit, and which configurations are in view."""

    name: int
    cell: int
    """cells of one configuration"""
    first: int
    count: int
    extras: tuple[ExtraName, ...]

    @property
    def label(self) -> int:
        return self.name + UNIT

    def configuration_at(self, x: int) -> int | None:
        """Which configuration stands at column x of the widget; None: none does."""
        index = (x - self.label) // self.cell
        return self.first + index if 0 <= index < self.count else None


def shape_of(table: Table, width: int) -> Shape:
    longest = max((width_of(line.metric.title) for line in table.lines), default=0)
    # On a narrow terminal a second configuration is worth more than the last letters of a few names.
    name = max(24, min(longest + 3, 30 if len(table.columns) > 1 and width < 90 else width // 2))
    place = PLACE if len(table.columns) > 1 else 0
    cell, extras = VALUE + place, []
    wanted = [(extra, 1) for extra in table.asked] + [(extra, len(table.columns)) for extra in table.spare]
    for extra, configurations in wanted:
        fits = name + UNIT + configurations * (cell + EXTRAS[extra].width) <= width
        if fits and extra not in extras:
            cell += EXTRAS[extra].width
            extras.append(extra)
    ordered = tuple(extra for extra in EXTRAS if extra in extras)
    room, count = width - name - UNIT, len(table.columns)
    if count * cell > room:
        count = max(1, (room - 3) // cell)
    first = max(0, min(table.column - count + 1, len(table.columns) - count))
    return Shape(name, cell, first, count, ordered)


def heading_rows(table: Table, width: int, spark_height: int = 1) -> list[Row]:
    """What stands above the table and does not scroll: batch size, lengths, the course of the iterations."""
    if not table.columns:
        return []
    shape = shape_of(table, width)
    more = "  →" if shape.first + shape.count < len(table.columns) else ""
    before = "←  " if shape.first else ""
    upper: list[str | Span] = [dim(" " * shape.label)]
    lower: list[str | Span] = [dim(right(before, shape.label))]
    for index in range(shape.first, shape.first + shape.count):
        head, _, lengths = table.columns[index].rpartition(" ")
        style = "accent" if index == table.column and len(table.columns) > 1 else "dim"
        place = " " * (shape.cell - VALUE - sum(EXTRAS[extra].width for extra in shape.extras))
        upper.append(Span(right(_short(head), VALUE) + place, style))
        lower.append(Span(right(shorten(lengths, VALUE), VALUE) + place, style))
        for extra in shape.extras:
            upper.append(dim(right(EXTRAS[extra].upper, EXTRAS[extra].width)))
            lower.append(dim(right(EXTRAS[extra].lower, EXTRAS[extra].width)))
    return [row(*upper), row(*lower, dim(more)), *_sparks(table, shape, width, spark_height)]


def _short(head: str) -> str:
    """`concurrency 128` and the like in the width of a number."""
    for word, brief in (("concurrency ", "conc. "), ("weights ", "w "), ("batch ", "b ")):
        if width_of(head) >= VALUE:
            head = head.replace(word, brief)
    return shorten(head, VALUE - 1)


def _sparks(table: Table, shape: Shape, width: int, height: int) -> Iterator[Row]:
    """Every iteration of each configuration in view, on a scale of its own; warm-up shaded."""
    if not any(course.total for course in table.courses):
        return
    single = len(table.columns) == 1
    cells = min(60, width - shape.label - 1 if single else shape.cell - 2)
    drawn = [
        spark(course, cells, height) for course in table.courses[shape.first : shape.first + shape.count]
    ]
    for y in range(height):
        what = f"  {table.courses[shape.first].what}" if y == 0 else ""
        spans: list[str | Span] = [dim(fit(what, shape.name))]
        spans.append(dim(fit("ms" if y == 0 else "", UNIT)))
        for rows in drawn:
            spans += [" ", *rows[y], " " * max(0, shape.cell - cells - 1)]
        yield row(*spans)


def draw_table(table: Table, width: int, height: int) -> list[Row]:
    """Rows of the table with a heading for each group."""
    if not table.lines:
        return [row(dim("no number was measured"))]
    shape = shape_of(table, width)
    drawn: list[Row] = []
    for place in _places(table):
        if isinstance(place, int):
            drawn.append(_line(table, table.lines[place], shape, width))
        else:
            drawn.append(row(Span(place, "title")) if place else ())
    return drawn


def row_index(table: Table) -> int | None:
    """At which drawn row the chosen metric stands."""
    return next((y for y, place in enumerate(_places(table)) if place == table.chosen), None)


def line_at(table: Table, y: int) -> int | None:
    """Which metric stands at a drawn row; None: a heading does."""
    places = list(_places(table))
    place = places[y] if 0 <= y < len(places) else ""
    return place if isinstance(place, int) else None


def _places(table: Table) -> Iterator[int | str]:
    """What each row is: the index of a line, a heading, or nothing."""
    group = ""
    for index, line in enumerate(table.lines):
        if line.metric.group != group:
            if group:
                yield ""
            group = line.metric.group
            yield result_table.heading(line.metric.group)
        yield index


def _line(table: Table, line: Line, shape: Shape, width: int) -> Row:
    metric = line.metric
    title = fit(f"  {metric.title}", shape.name - 1)
    spans: list[str | Span] = [f"{title} ", dim(fit(metric.unit, UNIT))]
    for index in range(shape.first, shape.first + shape.count):
        value = line.values[index]
        spans.append(_cell(value, metric.digits))
        if len(table.columns) > 1:
            mark = BEST if index == line.best else WORST if index == line.worst else ""
            spans.append(Span(fit(f" {mark}", PLACE), "good" if mark == BEST else "warn"))
        spans += [dim(right(EXTRAS[extra].text(value), EXTRAS[extra].width)) for extra in shape.extras]
    alone = line.values[0] if len(table.columns) == 1 else None
    if alone is not None:
        room = width - shape.label - shape.cell - 2
        spans.append(dim("  " + shorten(alone.note, room) if room > 8 else ""))
    return row(*spans)


def _cell(value: Value | None, digits: int) -> Span:
    # The decimal points of a column stand below one another, however many digits follow.
    behind = " " * (MOST_DIGITS - digits + (digits == 0))
    text = right(cell_text(value, digits) + behind, VALUE)
    return Span(text, "dim" if value is None or result_table.is_doubtful(value) else "")
