"""The first line of a run's screen: what it is, how it stands, how long it has taken."""

from __future__ import annotations

import msgspec

from runner.state.run import Status
from tui.framework.rows import Row, Span, dim, row, row_width, spread
from tui.text import clock, whole_parts, width_of

_STATES: dict[Status, Span] = {
    "starting": Span("◌ STARTING", "dim"),
    "queued": Span("◌ QUEUED", "warn"),
    "running": Span("● RUNNING", "good"),
    "stopping": Span("■ STOPPING", "warn"),
    "finished": Span("✔ FINISHED", "good"),
    "failed": Span("✖ FAILED", "bad"),
    "stopped": Span("■ STOPPED", "warn"),
    "lost": Span("? LOST", "bad"),
}


def state_span(status: Status) -> Span:
    """A state as glyph, word and colour, in this order of importance."""
    return _STATES[status]


def short_id(run: str) -> str:
    """The last part of a run's id, which every command accepts."""
    return run.rpartition("_")[2] or run


class Header(msgspec.Struct, frozen=True):
    profile: str
    summary: str
    run: str
    """short id"""
    status: Status
    elapsed_s: int
    left: str = ""
    """how long the whole run will still take; empty: that cannot be told"""
    replay: bool = False
    reading: int | None = None
    """percent of an existing log that was read, while there is more to read"""


def draw_header(header: Header, width: int, height: int) -> list[Row]:
    if header.reading is not None:
        state = row(Span(f"reading the log {header.reading} %", "warn"))
    else:
        elapsed = f"  {clock(header.elapsed_s)}"
        left = [dim("  ETA "), Span(header.left, "strong")] if header.left else []
        state = row(dim("replay   ") if header.replay else "", state_span(header.status), elapsed, *left)
    if width_of(header.profile) + row_width(state) + len(header.run) + 8 <= width:
        state = row(dim(f"run {header.run}   "), *state)
    room = width - row_width(state) - width_of(header.profile) - 3
    summary = whole_parts(header.summary, room)
    about = row(Span(header.profile, "strong"), dim(f"  {summary}") if summary else "")
    return [spread(about, state, width)]
