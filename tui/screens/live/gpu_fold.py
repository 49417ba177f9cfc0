"""The GPUs in the lines there are: those that have no line of their own are said in one."""

from __future__ import annotations

from collections.abc import Sequence

from runner.events.throttle_reasons import HARMLESS
from tui.framework.rows import Row, Span, cut, dim, row
from tui.screens.live.gpu_panel import GpuLine, draw_gpus

HOT_C = 80
"""From this temperature on a GPU is worth a look; NVIDIA's slow down a few degrees above."""


def draw_folded(lines: tuple[GpuLine, ...], width: int, height: int) -> list[Row]:
    """A row a GPU, or as many as fit and one about the others, of which the worst is named."""
    if not lines or not height or len(lines) + 1 <= height:
        return list(draw_gpus(lines, width, height))
    shown = max(0, height - 2)
    left = lines[shown:]
    worst, why = _worst(left)
    others = f"+{len(left)} more" if shown else f"{len(left)} GPUs"
    more = row(dim(f"{others}, "), "worst: ", Span(f"GPU {worst.index} {why}", _style(worst)))
    if not why:
        unread = [line.index for line in left if line.throttled_by is None or line.temperature is None]
        how = f"GPU {unread[0]} does not say all" if unread else "all well"
        more = row(dim(f"{others}, {how}"))
    return [*draw_gpus(lines[:shown], width, height), cut(more, width)] if shown else [cut(more, width)]


def _worst(lines: Sequence[GpuLine]) -> tuple[GpuLine, str]:
    """The line that most needs a look, and why; no reason when none does."""
    for line in lines:
        if line.trouble:
            return line, line.trouble
    for line in lines:
        if reasons := _serious(line):
            return line, ", ".join([*reasons, *_degrees(line)])
    hottest = max(lines, key=lambda line: line.temperature or 0)
    return hottest, "".join(_degrees(hottest)) if (hottest.temperature or 0) >= HOT_C else ""


def _serious(line: GpuLine) -> list[str]:
    return [reason for reason in line.throttled_by or () if reason not in HARMLESS]


def _degrees(line: GpuLine) -> list[str]:
    return [] if line.temperature is None else [f"{line.temperature:.0f} °C"]


def _style(line: GpuLine) -> str:
    return "bad" if line.trouble or _serious(line) else "warn"
