"""The list of runs, optionally in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from textual import events
from textual.message import Message

from runner.history.run_entry import RunEntry
from runner.history.sweep_fold import SweepFold
from runner.history.trend import Trend, last_change, sparkline
from runner.util.formatting import plural
from tui.framework.picker import Picker, PickerLine
from tui.framework.rows import Panel, Row, Span, cut, dim, fitting, row, row_width
from tui.screens.runs.run_columns import MARK, RunLook, draw_run, draw_titles, sort_at
from tui.text import fit, format_measurement, plain_text


@dataclass(frozen=True)
class RunGroup:
    """The heading of the runs of one profile."""

    profile: str
    """empty: directories that are not runs"""
    shown: int
    total: int
    trend: Trend | None


@dataclass(frozen=True)
class RunListing:
    """The runs to show, in order, and the headings of their groups."""

    entries: Sequence[RunEntry] = ()
    headings: Mapping[int, RunGroup] = field(default_factory=dict)
    """by the index of the entry below the heading"""
    matching: int = 0
    """number of runs that match the filter, with those that are folded"""

    @cached_property
    def inside(self) -> frozenset[int]:
        """Indices of the runs that are listed below the row of their sweep."""
        found = set()
        below: frozenset[str] = frozenset()
        for index, entry in enumerate(self.entries):
            if isinstance(entry, SweepFold):
                below = frozenset(run.run for run in entry.runs)
            elif entry.run in below:
                found.add(index)
        return frozenset(found)

    def index_of(self, run: str) -> int | None:
        """Return the index of a run, or of the row of the sweep that it is folded into; None: not listed."""
        folded = None
        for index, entry in enumerate(self.entries):
            if entry.run == run:
                return index
            if isinstance(entry, SweepFold) and any(one.run == run for one in entry.runs):
                folded = index
        return folded

    def nearest(self, run: str, before: Sequence[str]) -> int:
        """Return the index of a run; if it is not listed any more, that of the next one of the list before.

        Args:
            run: its id.
            before: the ids of the list in which it was.
        """
        index = self.index_of(run)
        if index is not None or run not in before:
            return index or 0
        place = before.index(run)
        listed = {entry.run: number for number, entry in enumerate(self.entries)}
        near = (*before[place + 1 :], *reversed(before[:place]))
        return next((listed[one] for one in near if one in listed), 0)


class RunList(Picker):
    """Shows the runs that the screen selects."""

    @dataclass
    class Marked(Message):
        """The mark of a run was clicked."""

        item: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._listing = RunListing()
        self._lines: list[int | RunGroup] = []
        """content of each line: the index of an entry, or a heading"""
        self._line_of: list[int] = []
        self._marked: frozenset[str] = frozenset()
        self._changes: Mapping[str, str] = {}
        self._now = 0.0
        self._empty = ""

    @property
    def items(self) -> int:
        return len(self._listing.entries)

    @property
    def lines(self) -> int:
        return len(self._lines) or 1

    def line(self, number: int) -> PickerLine:
        if not self._lines:
            return PickerLine(row(dim(self._empty)))
        content = self._lines[number]
        if isinstance(content, RunGroup):
            return PickerLine(draw_group(content, self.size.width))
        entry = self._listing.entries[content]
        runs = entry.runs if isinstance(entry, SweepFold) else (entry,)
        look = RunLook(
            marked=all(run.run in self._marked for run in runs),
            inside=content in self._listing.inside,
            unfolded=isinstance(entry, SweepFold) and content + 1 in self._listing.inside,
            changed=self._changes.get(entry.run, ""),
        )
        return PickerLine(draw_run(entry, self._now, self.size.width, look), content)

    def lines_of(self, item: int) -> range:
        line = self._line_of[item]
        above = line - 1 if line and isinstance(self._lines[line - 1], RunGroup) else line
        return range(above, line + 1)

    @property
    def entries(self) -> Sequence[RunEntry]:
        """The listed runs, from top to bottom."""
        return self._listing.entries

    @property
    def visible_entries(self) -> list[RunEntry]:
        """The entries in view."""
        lines = self._lines[self.first : self.first + max(1, self.size.height)]
        return [self._listing.entries[line] for line in lines if isinstance(line, int)]

    @property
    def current(self) -> RunEntry | None:
        entries = self._listing.entries
        return entries[self.chosen] if self.chosen < len(entries) else None

    def show_runs(
        self,
        listing: RunListing,
        chosen: int,
        *,
        marked: frozenset[str],
        changes: Mapping[str, str],
        now: float,
        empty: str,
    ) -> None:
        """Show runs with the cursor on one of them.

        Args:
            listing: the runs.
            chosen: index of the entry under the cursor.
            marked: ids of marked runs.
            changes: what changed since the previous run, by run, as far as it was read.
            now: seconds since 1970.
            empty: the text without runs.
        """

        def take() -> None:
            if listing is not self._listing:
                self._listing = listing
                self._lay_out()
            self._marked, self._changes, self._now, self._empty = marked, dict(changes), now, empty
            self.chosen = max(0, min(chosen, self.items - 1))
            self.first = max(0, min(self.first, self.lines - self.size.height))
            self._reveal()

        self.redraw_after(take)

    def _lay_out(self) -> None:
        self._lines, self._line_of = [], []
        for number in range(self.items):
            if number in self._listing.headings:
                self._lines.append(self._listing.headings[number])
            self._line_of.append(len(self._lines))
            self._lines.append(number)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.x >= MARK or not 0 <= offset.y + self.first < self.lines:
            return
        event.prevent_default()  # a double click on a mark does not open the run
        item = self.line(offset.y + self.first).item
        if item is not None:
            self.pick(item)
            self.post_message(self.Marked(item))


@dataclass(frozen=True)
class ColumnTitles:
    """What the titles of the columns show."""

    sort: str
    descending: bool
    reverse: bool


class RunTitles(Panel[ColumnTitles]):
    """The titles of the columns; a click sorts by the column, a second one reverses the order."""

    @dataclass
    class TitleClicked(Message):
        """A title was clicked."""

        sort: str

    def __init__(self) -> None:
        super().__init__(_draw_titles, id="run-titles")

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        sort = sort_at(offset.x, self.size.width) if offset is not None else ""
        if sort:
            self.post_message(self.TitleClicked(sort))


def _draw_titles(titles: ColumnTitles, width: int, height: int) -> list[Row]:
    return [draw_titles(titles.sort, titles.reverse, titles.descending, width)]


def draw_group(group: RunGroup, width: int) -> Row:
    """Draw a heading: profile, number of runs, and the trend of its main configuration."""
    name = plain_text(group.profile) or "not runs"
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
    newest, change = numbers[-1], last_change(numbers)
    assert newest is not None
    suffix = f"  {100 * change:+.1f} %" if change is not None else ""
    bars = sparkline(numbers, max(8, min(40, width // 6)))
    text = f"  {format_measurement(newest)} {unit}{suffix}"
    gap = fit("", max(2, min(46, width // 2) - row_width(left)))
    heading = row(*left, gap, Span(bars, "accent"), text)
    return fitting([heading, row(dim(group.trend.title))], width, gap="  ")
