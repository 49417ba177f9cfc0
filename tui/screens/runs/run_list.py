"""All runs, one line each, in groups or not; only those in view are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from textual import events
from textual.message import Message

from runner.history.run_entry import Entry
from runner.history.trend import Trend, change, spark
from runner.util.formatting import plural
from tui.framework.picker import Line, Picker
from tui.framework.rows import Panel, Row, Span, cut, dim, fitting, row, row_width
from tui.screens.runs.run_columns import MARK, draw_run, draw_titles, sort_at
from tui.text import fit, measure, plain


@dataclass(frozen=True)
class Group:
    """The heading of the runs of one profile."""

    profile: str
    """empty: directories that are no runs"""
    shown: int
    total: int
    trend: Trend | None


@dataclass(frozen=True)
class Arranged:
    """The runs to show, in their order, with the headings among them."""

    entries: Sequence[Entry] = ()
    headings: Mapping[int, Group] = field(default_factory=dict)
    """by the number of the entry that they stand above"""


class RunList(Picker):
    """Shows what was arranged; which runs and in which order, the screen decides."""

    @dataclass
    class Marked(Message):
        """A click where the mark of a run stands."""

        item: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._arranged = Arranged()
        self._lines: list[int | Group] = []
        """what every line shows: the number of an entry, or a heading"""
        self._line_of: list[int] = []
        self._marked: frozenset[str] = frozenset()
        self._now = 0.0
        self._empty = ""

    @property
    def items(self) -> int:
        return len(self._arranged.entries)

    @property
    def lines(self) -> int:
        return len(self._lines) or 1

    def line(self, number: int) -> Line:
        if not self._lines:
            return Line(row(dim(self._empty)))
        shown = self._lines[number]
        if isinstance(shown, Group):
            return Line(draw_group(shown, self.size.width))
        entry = self._arranged.entries[shown]
        return Line(draw_run(entry, self._now, self.size.width, entry.run in self._marked), shown)

    def lines_of(self, item: int) -> range:
        line = self._line_of[item]
        above = line - 1 if line and isinstance(self._lines[line - 1], Group) else line
        return range(above, line + 1)

    @property
    def entries(self) -> Sequence[Entry]:
        """The runs that are shown, from top to bottom."""
        return self._arranged.entries

    @property
    def current(self) -> Entry | None:
        entries = self._arranged.entries
        return entries[self.chosen] if self.chosen < len(entries) else None

    def show_runs(
        self, arranged: Arranged, chosen: int, *, marked: frozenset[str], now: float, empty: str
    ) -> None:
        """Show these runs with this one chosen; `empty` is what stands there when there are none."""

        def take() -> None:
            if arranged is not self._arranged:
                self._arranged = arranged
                self._lay_out()
            self._marked, self._now, self._empty = marked, now, empty
            self.chosen = max(0, min(chosen, self.items - 1))
            self.first = max(0, min(self.first, self.lines - self.size.height))
            self._reveal()

        self.redraw_after(take)

    def _lay_out(self) -> None:
        self._lines, self._line_of = [], []
        for number in range(self.items):
            if number in self._arranged.headings:
                self._lines.append(self._arranged.headings[number])
            self._line_of.append(len(self._lines))
            self._lines.append(number)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.x >= MARK or not 0 <= offset.y + self.first < self.lines:
            return
        event.prevent_default()  # two quick clicks mark and unmark, and open nothing
        item = self.line(offset.y + self.first).item
        if item is not None:
            self.pick(item)
            self.post_message(self.Marked(item))


@dataclass(frozen=True)
class Titles:
    """What the line above the list says."""

    sort: str
    descending: bool
    reverse: bool


class RunTitles(Panel[Titles]):
    """The names of the columns; a click on one sorts by it, another one the other way round."""

    @dataclass
    class Clicked(Message):
        sort: str

    def __init__(self) -> None:
        super().__init__(_draw_titles, id="run-titles")

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        sort = sort_at(offset.x, self.size.width) if offset is not None else ""
        if sort:
            self.post_message(self.Clicked(sort))


def _draw_titles(titles: Titles, width: int, height: int) -> list[Row]:
    return [draw_titles(titles.sort, titles.reverse, titles.descending, width)]


def draw_group(group: Group, width: int) -> Row:
    """The profile, how many runs, and how the numbers of its main configuration went."""
    name = plain(group.profile) or "not runs"
    count = plural(group.total, "run") if group.profile else str(group.total)
    if group.shown < group.total:
        count = f"{group.shown} of {count}"
    left = row(Span(f"▾ {name}", "title"), dim(f"  {count}"))
    if group.trend is None:
        return cut(left, width)
    rates = group.trend.tokens_per_sec
    numbers: Sequence[float | None] = group.trend.latency_ms
    unit = "ms"
    if rates[-1] is not None:
        numbers, unit = rates, "tokens/s"
    newest, went = numbers[-1], change(numbers)
    assert newest is not None
    by = f"  {100 * went:+.1f} %" if went is not None else ""
    bars = spark(numbers, max(8, min(40, width // 6)))
    words = f"  {measure(newest)} {unit}{by}"
    gap = fit("", max(2, min(46, width // 2) - row_width(left)))
    went_so = row(*left, gap, Span(bars, "accent"), words)
    return fitting([went_so, row(dim(group.trend.title))], width, gap="  ")
