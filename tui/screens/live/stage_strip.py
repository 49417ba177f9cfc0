"""The stages of a run in one line: done, running, failed and planned ones, with their times."""

from __future__ import annotations

import signal
from typing import Literal

import msgspec

from runner.util.formatting import duration
from tui.framework.rows import Row, Span, cut, dim, row

StageMark = Literal["planned", "running", "ok", "failed", "stopped", "skipped"]
_MARKS: dict[StageMark, Span] = {
    "planned": Span("·", "dim"),
    "running": Span("▶", "accent"),
    "ok": Span("✓", "good"),
    "failed": Span("✖", "bad"),
    "stopped": Span("■", "warn"),
    "skipped": Span("·", "dim"),
}


class StageItem(msgspec.Struct, frozen=True):
    name: str
    mark: StageMark
    seconds: int = 0
    exit_code: int | None = None
    note: str = ""
    """why it was skipped"""


def describe_exit(code: int | None) -> str:
    """Describe how a launcher ended: `exit code 1`, `signal SIGKILL`; empty for exit code 0."""
    if not code:
        return ""
    if code > 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def draw_stages(stages: tuple[StageItem, ...], width: int, height: int) -> list[Row]:
    spans: list[str | Span] = []
    for stage in stages:
        quiet = stage.mark in ("planned", "skipped")
        spans += [_MARKS[stage.mark], dim(f" {stage.name}") if quiet else f" {stage.name}"]
        if stage.mark == "skipped":
            spans.append(dim(f" {stage.note or 'skipped'}"))
        elif stage.mark != "planned":
            spans.append(dim(f" {duration(stage.seconds)}"))
        if stage.mark == "failed" and stage.exit_code:
            spans.append(Span(f" {describe_exit(stage.exit_code)}", "bad"))
        spans.append("    ")
    return [cut(row(*spans), width)]
