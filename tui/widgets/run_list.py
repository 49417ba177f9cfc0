"""All runs, one line each; only those in view are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from runner.history import Entry
from tui.text import duration, fit, plain, right, shorten
from tui.when import when
from tui.widgets.picker import Line, Picker
from tui.widgets.rows import Row, Span, cut, dim, row
from tui.widgets.run_header import short_id, state_span

STATE, STARTED, TOOK, ID, ENGINE = 11, 12, 9, 4, 8
WIDE = 100
"""From this width on there is room for the engine, and for profiles with long names."""
NAME_WIDTHS = (20, 28)
"""of the column of profiles, without and with that room"""


class RunList(Picker):
    """Shows entries, newest first; which of them, the screen decides."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._entries: Sequence[Entry] = ()
        self._now = 0.0
        self._empty = ""

    @property
    def items(self) -> int:
        return len(self._entries)

    @property
    def lines(self) -> int:
        return len(self._entries) or 1

    def line(self, number: int) -> Line:
        if not self._entries:
            return Line(row(dim(self._empty)))
        return Line(draw_run(self._entries[number], self._now, self.size.width), number)

    def lines_of(self, item: int) -> range:
        return range(item, item + 1)

    @property
    def current(self) -> Entry | None:
        return self._entries[self.chosen] if self.chosen < len(self._entries) else None

    def show_entries(self, entries: Sequence[Entry], chosen: int, *, now: float, empty: str) -> None:
        """Show these runs with this one chosen; `empty` is what stands there when there are none."""

        def take() -> None:
            self._entries, self._now, self._empty = entries, now, empty
            self.chosen = max(0, min(chosen, len(entries) - 1))
            self.first = max(0, min(self.first, self.lines - self.size.height))
            self._reveal()

        self.redraw_after(take)


def matching(entries: Sequence[Entry], text: str) -> list[Entry]:
    """The runs whose profile, state or id contains every word of the text."""
    words = text.lower().split()
    if not words:
        return list(entries)
    return [
        entry
        for entry in entries
        if all(word in f"{entry.profile} {entry.status} {entry.run}".lower() for word in words)
    ]


def draw_titles(width: int, _: int, __: int) -> list[Row]:
    """The names of the columns above the list; `width` is that of the list."""
    name = NAME_WIDTHS[width >= WIDE]
    cells = [fit("state", STATE), fit("profile", name), fit("engine", ENGINE) if width >= WIDE else ""]
    cells += [fit("started", STARTED), right("took", TOOK), fit("id", ID), "cause"]
    return [row(dim("  ".join(cell for cell in cells if cell)))]


@lru_cache(maxsize=512)  # moving by a line draws the lines that stay in view as they were
def draw_run(entry: Entry, now: float, width: int) -> Row:
    name = NAME_WIDTHS[width >= WIDE]
    state = Span("? NO RUN", "dim") if unreadable(entry) else state_span(entry.status)
    took = duration(entry.seconds) if entry.started else "–"
    spans = row(
        Span(fit(state.text, STATE), state.style),
        "  ",
        Span(fit(plain(entry.profile), name), "strong"),
        *((dim("  " + fit(entry.engine, ENGINE)),) if width >= WIDE else ()),
        f"  {fit(when(entry.started, now), STARTED)}  {right(took, TOOK)}  ",
        dim(fit(short_id(entry.run), ID)),
        "  ",
    )
    space = width - sum((STATE, name, STARTED, TOOK, ID)) - 10 - (ENGINE + 2 if width >= WIDE else 0)
    return cut((*spans, dim(shorten(plain(cause_of(entry)), max(0, space)))), width)


def unreadable(entry: Entry) -> bool:
    """A directory among the runs that is none, or one of a version that we do not know."""
    return not entry.engine


def cause_of(entry: Entry) -> str:
    """Why a run failed, without the name of its directory, which the line says already."""
    return entry.cause.replace(f"{entry.run_dir}/", "").removeprefix(f"{entry.run_dir}: ")
