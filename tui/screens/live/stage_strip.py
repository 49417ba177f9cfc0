"""The stages of a run in one line: done, running, failed and planned ones, with their times."""

from __future__ import annotations

import signal
from typing import Literal

import msgspec

from runner.util.formatting import duration
from tui.framework.rows import Row, Span, cut, dim, row, row_width, spread
from tui.text import align_right, format_measurement

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


class StageLine(msgspec.Struct, frozen=True):
    """The stages of a run, and the throughput that it measures now, or has measured."""

    stages: tuple[StageItem, ...]
    tokens_per_sec: float | None = None
    """None: not measured yet"""
    unit: str = "tokens/s"
    of: str = ""
    """what has this throughput, where there is room for it"""


def draw_stage_line(line: StageLine, width: int, height: int) -> list[Row]:
    """Draw the stages, with the throughput at the right edge."""
    if line.tokens_per_sec is None:
        return draw_stages(line.stages, width, height)
    rate = row(Span(align_right(format_measurement(line.tokens_per_sec), 6), "strong"), dim(f" {line.unit}"))
    named = row(dim(f"{line.of} "), *rate) if line.of else rate
    if row_width(draw_stages(line.stages, width, height)[0]) + row_width(named) + 2 <= width:
        rate = named
    return [spread(draw_stages(line.stages, width - row_width(rate) - 2, height)[0], rate, width)]


def draw_stages(stages: tuple[StageItem, ...], width: int, height: int) -> list[Row]:
    """Draw the stages in one line; without room for all of them, those that do not run are only counted."""
    for drawn in (
        _joined([_with_time(stage) for stage in stages], "    "),
        _joined([_with_time(stage, note=False) for stage in stages], "  "),
        _joined([_name(stage) if _is_quiet(stage) else _with_time(stage) for stage in stages], "  "),
        _counts(stages),
    ):
        if row_width(drawn) <= width:
            return [drawn]
    return [cut(_present(stages), width)]


def _joined(parts: list[list[Span]], gap: str) -> Row:
    spans: list[Span] = []
    for part in parts:
        spans += [Span(gap), *part] if spans else part
    return tuple(spans)


def _is_quiet(stage: StageItem) -> bool:
    return stage.mark in ("ok", "planned", "skipped")


def _counts(stages: tuple[StageItem, ...]) -> Row:
    """Return the present stage, and how many are before and after it."""
    present = _index_of_present(stages)
    done = sum(1 for stage in stages[:present] if stage.mark == "ok")
    later = len(stages) - present - 1
    return row(
        *([_MARKS["ok"], dim(f" {done}  ")] if done else []),
        *_present(stages),
        dim(f"  +{later}") if later else "",
    )


def _present(stages: tuple[StageItem, ...]) -> Row:
    return row(*_with_time(stages[_index_of_present(stages)])) if stages else ()


def _index_of_present(stages: tuple[StageItem, ...]) -> int:
    """Return the index of the stage that runs or failed, else of the last one that ended."""
    ended = [index for index, stage in enumerate(stages) if stage.mark != "planned"]
    active = [index for index in ended if stages[index].mark not in ("ok", "skipped")]
    return (active or ended or [0])[-1]


def _name(stage: StageItem) -> list[Span]:
    quiet = stage.mark in ("planned", "skipped")
    return [_MARKS[stage.mark], dim(f" {stage.name}") if quiet else Span(f" {stage.name}")]


def _with_time(stage: StageItem, *, note: bool = True) -> list[Span]:
    """Return name and time of a stage; of a skipped one why it was skipped, if `note`."""
    spans = _name(stage)
    if stage.mark == "skipped":
        spans.append(dim(f" {(stage.note if note else '') or 'skipped'}"))
    elif stage.mark != "planned":
        spans.append(dim(f" {duration(stage.seconds)}"))
    if stage.mark == "failed" and stage.exit_code:
        spans.append(Span(f" {describe_exit(stage.exit_code)}", "bad"))
    return spans
