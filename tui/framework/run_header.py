"""The first line of a run's screen: profile, summary, state and elapsed time."""

from __future__ import annotations

import msgspec

from runner.events import JobEnd
from runner.state.job import JOB_END_WORDS
from runner.state.run import LiveStatus
from tui.framework.rows import Row, Span, dim, row, row_width, spread
from tui.text import clock, fit_parts, width_of

_STATE_SPANS: dict[LiveStatus, Span] = {
    "starting": Span("◌ STARTING", "dim"),
    "queued": Span("◌ QUEUED", "warn"),
    "running": Span("● RUNNING", "good"),
    "stopping": Span("■ STOPPING", "warn"),
    "finished": Span("✔ FINISHED", "good"),
    "failed": Span("✖ FAILED", "bad"),
    "stopped": Span("■ STOPPED", "warn"),
    "lost": Span("? LOST", "bad"),
}


def state_span(status: LiveStatus, job_end: JobEnd | None = None) -> Span:
    """Return a state as glyph, word and colour, in this order of importance.

    `job_end`: how Slurm ended the job of the run; None: it did not.
    """
    if job_end in JOB_END_WORDS:
        glyph, style = ("■", "warn") if job_end == "cancelled" else ("✖", "bad")
        return Span(f"{glyph} {JOB_END_WORDS[job_end].upper()}", style)
    return _STATE_SPANS[status]


MIN_NAME = 4
"""cells of the profile without which the remaining time is left out"""
_JOB_END_SPANS = [state_span("failed", end) for end in JOB_END_WORDS]
STATE_WIDTH = max(width_of(span.text) for span in (*_STATE_SPANS.values(), *_JOB_END_SPANS))
"""width of a column that cuts no state"""


def short_id(run: str) -> str:
    """Return the last part of a run's id, which every command accepts."""
    return run.rpartition("_")[2] or run


class RunHeader(msgspec.Struct, frozen=True):
    """What the first line shows of a run."""

    profile: str
    summary: str
    run: str
    """short id"""
    status: LiveStatus
    elapsed_s: int
    job_end: JobEnd | None = None
    """how Slurm ended its job"""
    left: str = ""
    """estimated remaining time of the run; empty: unknown"""
    replay: bool = False
    reading: int | None = None
    """percent of the event log that is read; None: all"""


def draw_run_header(header: RunHeader, width: int, height: int) -> list[Row]:
    if header.reading is not None:
        state = row(Span(f"reading the log {header.reading} %", "warn"))
    else:
        elapsed = f"  {clock(header.elapsed_s)}"
        left = [dim("  ETA "), Span(header.left, "strong")] if header.left else []
        state = row(
            dim("replay   ") if header.replay else "",
            state_span(header.status, header.job_end),
            elapsed,
            *left,
        )
        if left and row_width(state) + MIN_NAME > width:
            state = state[: -len(left)]
    if width_of(header.profile) + row_width(state) + len(header.run) + 8 <= width:
        state = row(dim(f"run {header.run}   "), *state)
    room = width - row_width(state) - width_of(header.profile) - 3
    summary = fit_parts(header.summary, room)
    about = row(Span(header.profile, "strong"), dim(f"  {summary}") if summary else "")
    return [spread(about, state, width)]
