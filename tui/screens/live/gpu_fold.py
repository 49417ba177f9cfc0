"""GPUs in a panel of limited height: those that do not fit share a summary line."""

from __future__ import annotations

from collections.abc import Sequence

from runner.events.throttle_reasons import HARMLESS
from tui.framework.rows import Row, Span, cut, dim, row
from tui.screens.live.gpu_panel import GpuLine, draw_gpus

HOT_C = 80
"""The summary reports a GPU from this temperature on; NVIDIA GPUs throttle a few degrees above it."""


def draw_folded_gpus(lines: tuple[GpuLine, ...], width: int, height: int) -> list[Row]:
    """Draw a row a GPU; if they do not fit, the last row summarises the rest and names the worst of them."""
    if not lines or not height or len(lines) + 1 <= height:
        return list(draw_gpus(lines, width, height))
    shown = max(0, height - 2)
    left = lines[shown:]
    worst, why = _worst(left)
    others = f"+{len(left)} more" if shown else f"{len(left)} GPUs"
    more = row(dim(f"{others}, "), "worst: ", Span(f"GPU {worst.index} {why}", _style(worst)))
    if not why:
        unread = [line.index for line in left if line.throttled_by is None or line.temperature is None]
        summary = f"GPU {unread[0]} has no full reading" if unread else "none hot or throttled"
        more = row(dim(f"{others}, {summary}"))
    return [*draw_gpus(lines[:shown], width, height), cut(more, width)] if shown else [cut(more, width)]


def _worst(lines: Sequence[GpuLine]) -> tuple[GpuLine, str]:
    """Return the GPU in the worst state, and why; the reason is empty if no GPU has a problem."""
    for line in lines:
        if line.trouble:
            return line, line.trouble
    for line in lines:
        if reasons := _serious_reasons(line):
            return line, ", ".join([*reasons, *_temperature_text(line)])
    hottest = max(lines, key=lambda line: line.temperature or 0)
    return hottest, "".join(_temperature_text(hottest)) if (hottest.temperature or 0) >= HOT_C else ""


def _serious_reasons(line: GpuLine) -> list[str]:
    return [reason for reason in line.throttled_by or () if reason not in HARMLESS]


def _temperature_text(line: GpuLine) -> list[str]:
    return [] if line.temperature is None else [f"{line.temperature:.0f} °C"]


def _style(line: GpuLine) -> str:
    return "bad" if line.trouble or _serious_reasons(line) else "warn"
