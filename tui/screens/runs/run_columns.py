"""The columns of the list of runs: selection by width, cells and titles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from runner.compare.run_changes import FIRST, NOTHING
from runner.history.run_entry import RunEntry
from runner.history.run_list import cause_of, format_gpus, format_size
from runner.history.sweep_fold import SweepFold, axes_text, place_in_sweep
from runner.util.formatting import duration, format_number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.framework.run_header import STATE_WIDTH, short_id, state_span
from tui.relative_time import format_timestamp
from tui.text import align_right, fit, format_measurement, plain_text, shorten, shorten_middle

MARK = 2
"""width of the mark at the left edge"""
GAP = 2


@dataclass(frozen=True)
class RunLook:
    """How the row of a run looks in the list."""

    marked: bool = False
    inside: bool = False
    """it is a run below the row of its sweep"""
    unfolded: bool = False
    """the runs of the sweep follow its row"""
    changed: str = ""
    """what changed since the previous run of the profile; empty: not read yet"""


PLAIN = RunLook()


@dataclass(frozen=True)
class RunColumn:
    """A column of the list."""

    title: str
    width: int
    cell: Callable[[RunEntry, float, RunLook], Span]
    """draws the cell of an entry; the second argument is the current time, seconds since 1970"""
    sort: str = ""
    """name of the order that a click on the title selects"""
    left_aligned: bool = True
    """False for numbers"""


@dataclass(frozen=True)
class ColumnPlacement:
    """A column and its position at one width of the list."""

    column: RunColumn
    start: int
    width: int


def _state(entry: RunEntry, now: float, look: RunLook) -> Span:
    return Span("? NO RUN", "dim") if entry.foreign else state_span(entry.status, entry.job_end)


def _profile(entry: RunEntry, now: float, look: RunLook) -> Span:
    if isinstance(entry, SweepFold):
        listed = len(entry.runs)
        count = str(listed) if listed == entry.total else f"{listed}/{entry.total}"
        sign = "▾" if look.unfolded else "▸"
        return Span(f"{sign} {plain_text(entry.profile)} ({count})", "strong")
    before = "  " if look.inside else ""
    name = f"“{plain_text(entry.name)}”" if entry.name else plain_text(entry.profile)
    return Span(before + name, "" if look.inside else "strong")


def _changed(entry: RunEntry, now: float, look: RunLook) -> Span:
    """Draw what changed since the previous run of the profile, or what a sweep varies."""
    if isinstance(entry, SweepFold):
        return Span(plain_text(axes_text(entry.axes, len(entry.runs), entry.total)))
    if varied := place_in_sweep(entry):
        return Span(plain_text(varied))
    text = plain_text(look.changed)
    return dim(text) if text in QUIET else Span(text)


def _took(entry: RunEntry, now: float, look: RunLook) -> Span:
    if not entry.seconds:
        return Span("–")
    hours = int(entry.seconds // 3600)
    return Span(duration(entry.seconds) if hours < 100 else f"{hours} h")


def _tokens_per_sec(entry: RunEntry, now: float, look: RunLook) -> Span:
    rate = entry.best.tokens_per_sec if entry.best else None
    return dim("–") if rate is None else Span(format_measurement(rate))


def _latency(entry: RunEntry, now: float, look: RunLook) -> Span:
    latency = entry.best.latency_ms if entry.best else None
    return dim("–") if latency is None else Span(format_latency(latency))


def format_latency(ms: float) -> str:
    """Return `63 543 ms`; from 100 s on in seconds, which is shorter."""
    return f"{format_measurement(ms)} ms" if ms < 99_999.5 else f"{format_measurement(ms / 1000)} s"


def _flags(entry: RunEntry, now: float, look: RunLook) -> Span:
    return Span(format_number(entry.flags), "warn") if entry.flags else dim("–" if entry.foreign else "0")


def _disk(entry: RunEntry, now: float, look: RunLook) -> Span:
    return dim("…" if entry.disk is None else format_size(entry.disk))


def _gpu(entry: RunEntry, now: float, look: RunLook) -> Span:
    return dim(plain_text(format_gpus(entry.gpus).replace("NVIDIA ", "")))


def _about(entry: RunEntry, now: float, look: RunLook) -> Span:
    """Draw the tags; without tags, what a job waits for, or the cause of the failure."""
    if entry.tags:
        return Span(plain_text(" ".join(entry.tags)), "accent")
    return dim(plain_text(entry.waiting or cause_of(entry)))


_STATE = RunColumn("state", STATE_WIDTH, _state)
_PROFILE = RunColumn("profile", 16, _profile, "profile")
_WHEN = RunColumn("when", 12, lambda entry, now, look: Span(format_timestamp(entry.started, now)), "when")
_TOOK = RunColumn("took", 8, _took, "took", left_aligned=False)
_LATENCY = RunColumn("latency", 9, _latency, "latency", left_aligned=False)
_BASIC = (
    _STATE,
    _PROFILE,
    _WHEN,
    _TOOK,
    RunColumn("tokens/s", 8, _tokens_per_sec, "tokens", left_aligned=False),
    _LATENCY,
)
QUIET = ("", NOTHING, FIRST)
_FLAGS = RunColumn("warn.", 5, _flags, "warnings", left_aligned=False)
_CHANGED = RunColumn("what changed", 12, _changed)
_ABOUT = RunColumn("tags, cause", 11, _about)
_ID = RunColumn("id", 4, lambda entry, now, look: dim(fit(short_id(plain_text(entry.run)), 4)))
_DISK = RunColumn("disk", 8, _disk, "disk", left_aligned=False)
_ENGINE = RunColumn("engine", 8, lambda entry, now, look: dim(plain_text(entry.engine)))
_GPU = RunColumn("GPU", 10, _gpu)
_DROPPED_FIRST = (_TOOK, _WHEN, _LATENCY)
"""columns to drop, in this order, if the basic columns do not fit"""
_OPTIONAL = (_FLAGS, _CHANGED, _ID, _ABOUT)
"""columns to add, in this order, if they fit"""
_EXTRA = (_DISK, _ENGINE, _GPU)
"""columns to add, in this order, if `what changed` and the profile have room as well"""
_ORDER = (*_BASIC, _FLAGS, _CHANGED, _DISK, _ID, _ENGINE, _GPU, _ABOUT)
MIN_PROFILE_WIDTH, ENOUGH_PROFILE_WIDTH, MAX_PROFILE_WIDTH = 8, 22, 28
ENOUGH_CHANGED_WIDTH, MAX_CHANGED_WIDTH = 28, 36


@lru_cache(maxsize=8)
def place_columns(width: int) -> tuple[ColumnPlacement, ...]:
    """Return the columns of a list that is `width` cells wide, from left to right."""
    columns = list(_BASIC)
    for column in _DROPPED_FIRST:
        if _total_width(columns) > width:
            columns.remove(column)
    room = width - _total_width(columns)
    kept = ENOUGH_CHANGED_WIDTH - _CHANGED.width + MAX_PROFILE_WIDTH - _PROFILE.width
    for column in (*_OPTIONAL, *_EXTRA):
        if column.width + GAP > room - (kept if column in _EXTRA else 0):
            break
        columns.append(column)
        room -= column.width + GAP
    widths = {_PROFILE: max(MIN_PROFILE_WIDTH, _PROFILE.width + min(0, room)), _CHANGED: _CHANGED.width}
    for column, most in (
        (_PROFILE, ENOUGH_PROFILE_WIDTH),
        (_CHANGED, ENOUGH_CHANGED_WIDTH),
        (_PROFILE, MAX_PROFILE_WIDTH),
        (_CHANGED, MAX_CHANGED_WIDTH),
    ):
        if column in columns:
            more = min(max(0, room), most - widths[column])
            widths[column], room = widths[column] + more, room - more
    placed = []
    start = MARK
    for column in sorted(columns, key=_ORDER.index):
        column_width = widths.get(column, column.width)
        column_width += max(0, room) if column is _ABOUT else 0
        placed.append(ColumnPlacement(column, start, column_width))
        start += column_width + GAP
    return tuple(placed)


def _total_width(columns: list[RunColumn]) -> int:
    return MARK + sum(column.width for column in columns) + GAP * (len(columns) - 1)


def draw_titles(sort: str, reverse: bool, descending: bool, width: int) -> Row:
    """Draw the titles of the columns, with an arrow at the column by which the runs are sorted."""
    arrow = "▾" if descending != reverse else "▴"
    line = " " * MARK
    for place in place_columns(width):
        title = place.column.title
        is_sorted = place.column.sort == sort
        if place.column.left_aligned:
            text = fit(f"{title} {arrow}" if is_sorted else title, place.width)
        else:
            # The arrow goes into the gap, so that the title is aligned with its numbers.
            text = align_right(title, place.width)
            line = line[:-1] + arrow if is_sorted and text == title else line
            text = text.replace(f" {title}", f"{arrow}{title}") if is_sorted else text
        line += text + " " * GAP
    return row(dim(shorten(line.rstrip(), width)))


def sort_at(x: int, width: int) -> str:
    """Return the order selected by a click on column `x` of the titles; empty: none."""
    for place in place_columns(width):
        if place.start <= x < place.start + place.width:
            return place.column.sort
    return ""


@lru_cache(maxsize=512)  # moving the cursor draws the other visible lines again
def draw_run(entry: RunEntry, now: float, width: int, look: RunLook = PLAIN) -> Row:
    """Draw the line of a run."""
    spans: list[str | Span] = [Span(fit("◆" if look.marked else "", MARK), "accent")]
    for index, place in enumerate(place_columns(width)):
        cell = place.column.cell(entry, now, look)
        # Names of similar profiles often differ at their end.
        text = shorten_middle(cell.text, place.width) if place.column is _PROFILE else cell.text
        align = fit if place.column.left_aligned else align_right
        spans += ["  " if index else "", Span(align(text, place.width), cell.style)]
    return cut(row(*spans), width)
