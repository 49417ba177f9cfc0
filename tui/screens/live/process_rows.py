"""The processes on GPUs: user, command, memory, and the rank or the run that they belong to."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, Span, cut, dim, row
from tui.text import align_right, fit, gibibytes

UNKNOWN = "–"


class ProcessLine(msgspec.Struct, frozen=True):
    """One process on one GPU; empty texts: not known."""

    gpu: int
    pid: int
    node: str = ""
    """name of the machine; empty: the run uses one"""
    memory: int | None = None
    """bytes of GPU memory"""
    user: str = ""
    command: str = ""
    owner: str = ""
    """`rank 3`, `this run`, or `run 7f3a` of another one"""
    foreign: bool = False
    """certainly not of this run"""


def process_heading(width: int) -> Row:
    return cut(row(dim("GPU      PID  user        GiB  command")), width)


def draw_process(line: ProcessLine, width: int) -> Row:
    memory = UNKNOWN if line.memory is None else gibibytes(line.memory)
    style = "warn" if line.foreign else ""
    owner = f"  {line.owner}" if line.owner else "  not of this run" if line.foreign else ""
    owner += f"  on {line.node}" if line.node else ""
    return cut(
        row(
            f"{align_right(str(line.gpu), 3)} {align_right(str(line.pid), 8)}  ",
            Span(fit(line.user or UNKNOWN, 8), style),
            f" {align_right(memory, 6)}  ",
            Span(line.command or UNKNOWN, style),
            dim(owner),
        ),
        width,
    )


def draw_processes(lines: tuple[ProcessLine, ...], width: int) -> list[Row]:
    """Draw a heading and one row a process."""
    return [process_heading(width), *(draw_process(line, width) for line in lines)]
