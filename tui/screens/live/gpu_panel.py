"""One line a GPU: memory, load, power and clocks, with a short history of load and power in braille.

A missing reading is shown as text or `n/a`, never as zero. A GPU that is lost or whose readings are stale has
no bar and no history.
"""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, Span, cut, dim, row, row_text
from tui.text import align_right, bar, braille_columns, fit, gibibytes

HISTORY = 60
"""Most readings that a history line can show: two a cell."""
UNKNOWN = "–"

THROTTLE_LETTERS = {
    "power cap": "P", "sync boost": "S", "thermal": "T", "hw thermal": "H", "power brake": "B",
    "hw slowdown": "W",
}  # fmt: skip
_HARMLESS = ("P", "S")


class GpuLine(msgspec.Struct, frozen=True):
    """Current readings of one GPU; None: no number, and `missing` or `trouble` gives the reason."""

    index: int
    node: str = ""
    """name of its machine; empty: the run uses one"""
    ranks: str = ""
    """ranks that use it, e.g. `0` or `0-3`; empty: none"""
    memory_used: int | None = None
    memory_total: int = 0
    baseline: int | None = None
    """bytes in use before the run"""
    busy: float | None = None
    power: float | None = None
    power_limit: float | None = None
    sm_clock: float | None = None
    temperature: float | None = None
    sm_active: float | None = None
    dram_active: float | None = None
    throttled_by: tuple[str, ...] | None = None
    """reasons for reduced clocks; empty: not throttled"""
    busy_history: tuple[float | None, ...] = ()
    power_history: tuple[float | None, ...] = ()
    """newest last; None: no reading"""
    trouble: str = ""
    """`GPU lost` or `stale`: no value of this line is current"""
    age: str = ""
    """`silent for 0:15`: its node reports nothing, and the values are that old"""
    missing: frozenset[str] = frozenset()
    """names of the fields above that this GPU does not support"""


class _GpuColumns(msgspec.Struct, frozen=True):
    bar: int
    """cells of the memory bar; 0: none"""
    history: int
    """cells of each history line; 0: none"""
    parts: bool
    """whether SM and DRAM activity (GPM) fit"""
    clock: bool = True


def draw_gpus(lines: tuple[GpuLine, ...], width: int, height: int) -> list[Row]:
    """Draw a heading and one row a GPU; without room the least important columns are left out."""
    if not lines:
        return [row(dim("no GPU reading yet"))]
    columns = _columns(width)
    return [_heading(columns, width), *(_line(line, columns, width) for line in lines)]


def _columns(width: int) -> _GpuColumns:
    if width >= 150:
        return _GpuColumns(bar=24, history=min(HISTORY // 2, (width - 118) // 2), parts=True)
    if width >= 118:
        return _GpuColumns(bar=16, history=10, parts=True)
    if width >= 96:
        return _GpuColumns(bar=12, history=6, parts=False)
    if width >= 72:
        return _GpuColumns(bar=10, history=0, parts=False)
    return _GpuColumns(bar=0, history=0, parts=False, clock=width >= 64)


def _heading(columns: _GpuColumns, width: int) -> Row:
    history = columns.history + 1 if columns.history else 0
    text = "GPU rank   " + fit("memory, GiB", columns.bar + 1 + 13)
    text += align_right("busy %", 7) + " " * history + align_right("W", 10) + " " * history
    text += (align_right("MHz", 6) if columns.clock else "") + align_right("°C", 4)
    if columns.parts:
        text += align_right("SM %", 6) + align_right("DRAM %", 7)
    return cut(row(dim(text + "  throttle")), width)


def _line(line: GpuLine, columns: _GpuColumns, width: int) -> Row:
    name = align_right(str(line.index), 3) + " " + fit(line.ranks or UNKNOWN, 6) + " "
    if line.trouble:
        return cut(row(name, Span(line.trouble, "bad"), dim("   no current reading")), width)
    spans: list[str | Span] = [name, *_memory(line, columns.bar)]
    spans.append(_number(line, "busy", line.busy, 7))
    spans += _history(line.busy_history, 100.0, columns.history)
    limit = "" if line.power_limit is None or line.power is None else f"/{line.power_limit:.0f}"
    spans += [_number(line, "power", line.power, 10 - len(limit)), dim(limit)]
    spans += _history(line.power_history, line.power_limit or _maximum(line.power_history), columns.history)
    spans += [_number(line, "sm_clock", line.sm_clock, 6)] if columns.clock else []
    spans.append(_number(line, "temperature", line.temperature, 4))
    if columns.parts:
        spans.append(_number(line, "sm_active", line.sm_active, 6))
        spans.append(_number(line, "dram_active", line.dram_active, 7))
    if line.age:  # the values are shown, but they are not of now
        return cut(row(dim(row_text(row(*spans))), "  ", Span(line.age, "warn")), width)
    spans += ["  ", throttle_span(line.throttled_by, wide=columns.parts)]
    return cut(row(*spans), width)


def _memory(line: GpuLine, width: int) -> list[Span]:
    """Draw a bar in three parts (in use before the run, in use since, free) and the numbers."""
    total = gibibytes(line.memory_total) if line.memory_total else UNKNOWN
    if line.memory_used is None or not line.memory_total:
        word = "n/a" if "memory_used" in line.missing else UNKNOWN
        return [Span(" " * width), Span(" " + align_right(f"{word}/{total}", 13))]
    full, empty = bar(line.memory_used / line.memory_total, width)
    before = int(min(line.baseline or 0, line.memory_used) / line.memory_total * width)
    return [
        dim("░" * before),
        Span(full[before:], "accent"),
        dim(empty),
        Span(" " + align_right(gibibytes(line.memory_used), 6)),
        dim(fit(f"/{total}", 7)),
    ]


def _number(line: GpuLine, name: str, value: float | None, width: int) -> Span:
    if value is None:
        return dim(align_right("n/a" if name in line.missing else UNKNOWN, width))
    return Span(align_right(f"{value:.0f}", width))


def _history(values: tuple[float | None, ...], top: float, width: int) -> list[Span]:
    """Draw readings as columns of dots, two a cell, the newest at the right; no reading is a gap."""
    if not width:
        return []
    shown = values[-2 * width :]
    gaps = (None,) * (2 * width - len(shown))
    return [Span(" "), Span(braille_columns((*gaps, *shown), top), "accent")]


def _maximum(values: tuple[float | None, ...]) -> float:
    return max((value for value in values if value is not None), default=0.0)


def throttle_span(reasons: tuple[str, ...] | None, *, wide: bool) -> Span:
    """Return why clocks are held down: letters, with their names if `wide`."""
    if reasons is None:
        return dim(UNKNOWN)
    if not reasons:
        return dim("none")
    letters = [THROTTLE_LETTERS.get(reason, "?") for reason in reasons]
    style = "dim" if all(letter in _HARMLESS for letter in letters) else "bad"
    if wide:
        return Span(", ".join(f"{letter} {why}" for letter, why in zip(letters, reasons, strict=True)), style)
    return Span("".join(letters), style)
