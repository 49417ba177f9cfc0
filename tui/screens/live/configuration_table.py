"""The configurations of a run as a table: those that are done, the running one, and those to come."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.text import align_right, format_measurement

ConfigurationMark = Literal["done", "running", "ended", "planned"]
_MARKS: dict[ConfigurationMark, Span] = {
    "done": Span("✓ ", "good"),
    "running": Span("▶ ", "accent"),
    "ended": Span("■ ", "warn"),
    "planned": Span("· ", "dim"),
}
_NUMBERS = {"mean": 7, "p95": 7, "tokens/s": 9, "vs base": 8}
"""columns of numbers and their widths, in their order"""
_LEFT_OUT = ("p95", "vs base", "mean")
"""the columns that are left out without room, the first one first"""
ROOM_FOR_COUNTS = 5
"""rows from which the configurations out of view are counted in rows of their own"""


class ConfigurationLine(msgspec.Struct, frozen=True):
    """One configuration; None: not measured (yet)."""

    mark: ConfigurationMark
    """`ended`: the run ended before its result"""
    shape: tuple[str, ...]
    """its values of the columns of `ConfigurationTable.shape`"""
    mean: float | None = None
    """milliseconds"""
    p95: float | None = None
    few: bool = False
    """too few iterations for p95"""
    tokens_per_sec: float | None = None
    change: float | None = None
    """of tokens per second against the baseline: 0.02 is 2 % more"""


class ConfigurationTable(msgspec.Struct, frozen=True):
    shape: tuple[str, ...] = ()
    """names of what distinguishes the configurations, e.g. `batch`"""
    common: str = ""
    """what all have in common, for the title"""
    lines: tuple[ConfigurationLine, ...] = ()
    baseline: bool = False
    """there is a baseline to compare with"""

    @property
    def title(self) -> str:
        done = sum(1 for line in self.lines if line.mark == "done")
        return f"configurations {done}/{len(self.lines)}" + (f" · {self.common}" if self.common else "")


def draw_configurations(table: ConfigurationTable, width: int, height: int) -> list[Row]:
    """Draw a heading and one row a configuration; without room those around the running one."""
    columns = [name for name in _NUMBERS if name != "vs base" or table.baseline]
    sizes = [
        max(len(name), *(len(line.shape[number]) for line in table.lines), 0) + 1
        for number, name in enumerate(table.shape)
    ]
    for name in _LEFT_OUT:
        if 2 + sum(sizes) + sum(_NUMBERS[column] for column in columns) > width and name in columns:
            columns.remove(name)
    heading = " " + "".join(align_right(name, size) for name, size in zip(table.shape, sizes, strict=True))
    heading += "".join(align_right(name, _NUMBERS[name]) for name in columns)
    rows = [_line(line, sizes, columns, width) for line in table.lines]
    return [cut(row(dim(" " + heading)), width), *_around_running(table.lines, rows, height - 1 or len(rows))]


def _around_running(lines: tuple[ConfigurationLine, ...], rows: list[Row], room: int) -> list[Row]:
    """Return at most `room` rows, with the running configuration among them; with room the others counted."""
    if room <= 0 or len(rows) <= room:
        return rows
    present = next((y for y, line in enumerate(lines) if line.mark in ("running", "ended")), None)
    if present is None:
        present = sum(1 for line in lines if line.mark == "done")
    first = min(max(0, present - room // 2), len(rows) - room)
    after = len(rows) - first - room
    shown = rows[first : first + room]
    if first and room >= ROOM_FOR_COUNTS:
        shown[0] = row(dim(f"  {first + 1} before"))
    if after and room >= ROOM_FOR_COUNTS:
        shown[-1] = row(dim(f"  {after + 1} after"))
    return shown


def _line(line: ConfigurationLine, sizes: list[int], columns: list[str], width: int) -> Row:
    shape = "".join(align_right(value, size) for value, size in zip(line.shape, sizes, strict=True))
    spans: list[str | Span] = [_MARKS[line.mark], dim(shape) if line.mark == "planned" else shape]
    cells = {
        "mean": Span(_number(line.mean)),
        "p95": Span(_number(line.p95), "dim" if line.few else ""),
        "tokens/s": Span(_number(line.tokens_per_sec), "strong" if line.mark == "running" else ""),
        "vs base": Span(_change(line), "" if line.mark == "done" else "dim"),
    }
    for name in columns:
        cell = cells[name]
        style = "dim" if line.mark == "planned" else cell.style
        spans.append(Span(align_right(cell.text, _NUMBERS[name]), style))
    return cut(row(*spans), width)


def _number(value: float | None) -> str:
    return "–" if value is None else format_measurement(value)


def _change(line: ConfigurationLine) -> str:
    if line.change is None:
        return "–"
    sign = "+" if line.change >= 0 else "−"
    return f"{sign}{format_number(abs(100 * line.change), 1)} %"
