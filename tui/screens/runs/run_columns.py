"""The columns of the list of runs: which there are at a width, what stands in them, and their titles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from runner.history.run_entry import Entry
from runner.history.run_list import cause_of, gpu_words, size
from runner.util.formatting import duration, number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.framework.run_header import short_id, state_span
from tui.relative_time import when
from tui.text import fit, measure, plain, right, shorten, shorten_middle

MARK = 2
"""cells at the left edge for the mark of a run"""
GAP = 2


@dataclass(frozen=True)
class Column:
    title: str
    width: int
    cell: Callable[[Entry, float], Span]
    """the text of an entry; the float is now, seconds since 1970"""
    sort: str = ""
    """name of the order that a click on the title gives"""
    words: bool = True
    """stands at the left of its column, as numbers do not"""


@dataclass(frozen=True)
class Place:
    """A column where it stands at one width."""

    column: Column
    start: int
    width: int


def _state(entry: Entry, now: float) -> Span:
    return Span("? NO RUN", "dim") if entry.foreign else state_span(entry.status)


def _profile(entry: Entry, now: float) -> Span:
    return Span(f"“{plain(entry.name)}”" if entry.name else plain(entry.profile), "strong")


def _took(entry: Entry, now: float) -> Span:
    return Span(duration(entry.seconds) if entry.seconds else "–")


def _tokens_per_sec(entry: Entry, now: float) -> Span:
    rate = entry.best.tokens_per_sec if entry.best else None
    return dim("–") if rate is None else Span(measure(rate))


def _latency(entry: Entry, now: float) -> Span:
    latency = entry.best.latency_ms if entry.best else None
    return dim("–") if latency is None else Span(latency_words(latency))


def latency_words(ms: float) -> str:
    """`63 543 ms`; from 100 s on in seconds, which takes less room."""
    return f"{measure(ms)} ms" if ms < 99_999.5 else f"{measure(ms / 1000)} s"


def _flags(entry: Entry, now: float) -> Span:
    return Span(number(entry.flags), "warn") if entry.flags else dim("–" if entry.foreign else "0")


def _disk(entry: Entry, now: float) -> Span:
    return dim("…" if entry.disk is None else size(entry.disk))


def _gpu(entry: Entry, now: float) -> Span:
    return dim(plain(gpu_words(entry.gpus).replace("NVIDIA ", "")))


def _about(entry: Entry, now: float) -> Span:
    """Tags; without any, why the run failed."""
    return Span(plain(" ".join(entry.tags)), "accent") if entry.tags else dim(plain(cause_of(entry)))


_STATE = Column("state", 10, _state)
_PROFILE = Column("profile", 16, _profile, "profile")
_WHEN = Column("when", 12, lambda entry, now: Span(when(entry.started, now)), "when")
_TOOK = Column("took", 8, _took, "took", words=False)
_ALWAYS = (
    _STATE,
    _PROFILE,
    _WHEN,
    _TOOK,
    Column("tokens/s", 8, _tokens_per_sec, "tokens", words=False),
    Column("latency", 9, _latency, "latency", words=False),
)
_FLAGS = Column("flags", 5, _flags, "flags", words=False)
_ABOUT = Column("tags, cause", 12, _about)
_ID = Column("id", 4, lambda entry, now: dim(fit(short_id(plain(entry.run)), 4)))
_DISK = Column("disk", 8, _disk, "disk", words=False)
_ENGINE = Column("engine", 8, lambda entry, now: dim(plain(entry.engine)))
_GPU = Column("GPU", 10, _gpu)
_FIRST_TO_GO = (_TOOK, _WHEN)
"""columns that leave first when not even those that are always there fit"""
_BY_WORTH = (_FLAGS, _ABOUT, _ID, _DISK, _ENGINE, _GPU)
"""columns that come with more room, in this order"""
_ORDER = (*_ALWAYS, _FLAGS, _DISK, _ID, _ENGINE, _GPU, _ABOUT)
LONGEST_PROFILE = 28


@lru_cache(maxsize=8)
def places(width: int) -> tuple[Place, ...]:
    """The columns of a list that is `width` cells wide, from left to right."""
    there = list(_ALWAYS)
    for column in _FIRST_TO_GO:
        if _taken(there) > width:
            there.remove(column)
    room = width - _taken(there)
    for column in _BY_WORTH:
        if column.width + GAP > room:
            break
        there.append(column)
        room -= column.width + GAP
    profile = _PROFILE.width + min(max(0, room), LONGEST_PROFILE - _PROFILE.width)
    room -= profile - _PROFILE.width
    placed = []
    start = MARK
    for column in sorted(there, key=_ORDER.index):
        taken = profile if column is _PROFILE else column.width
        taken += max(0, room) if column is _ABOUT else 0
        placed.append(Place(column, start, taken))
        start += taken + GAP
    return tuple(placed)


def _taken(columns: list[Column]) -> int:
    return MARK + sum(column.width for column in columns) + GAP * (len(columns) - 1)


def draw_titles(sort: str, reverse: bool, descending: bool, width: int) -> Row:
    """The names of the columns; an arrow stands at the one that the runs are sorted by."""
    arrow = "▾" if descending != reverse else "▴"
    line = " " * MARK
    for place in places(width):
        title = place.column.title
        shown = place.column.sort == sort
        if place.column.words:
            text = fit(f"{title} {arrow}" if shown else title, place.width)
        else:
            # The arrow goes into the gap, so that the title stands above its numbers.
            text = right(title, place.width)
            line = line[:-1] + arrow if shown and text == title else line
            text = text.replace(f" {title}", f"{arrow}{title}") if shown else text
        line += text + " " * GAP
    return row(dim(shorten(line.rstrip(), width)))


def sort_at(x: int, width: int) -> str:
    """The order that a click on column `x` of the titles asks for; empty: none."""
    for place in places(width):
        if place.start <= x < place.start + place.width:
            return place.column.sort
    return ""


@lru_cache(maxsize=512)  # moving by a line draws the lines that stay in view as they were
def draw_run(entry: Entry, now: float, width: int, marked: bool = False) -> Row:
    spans: list[str | Span] = [Span(fit("◆" if marked else "", MARK), "accent")]
    for number_, place in enumerate(places(width)):
        cell = place.column.cell(entry, now)
        # Profiles of one family differ in how their names end.
        text = shorten_middle(cell.text, place.width) if place.column is _PROFILE else cell.text
        put = fit if place.column.words else right
        spans += ["  " if number_ else "", Span(put(text, place.width), cell.style)]
    return cut(row(*spans), width)
