"""One line on the host: CPU, memory and load, and why there are no GPU readings."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, cut, dim, fitting, row, row_width
from tui.text import align_right, gibibytes


class HostView(msgspec.Struct, frozen=True):
    host: str = ""
    cores: int = 0
    cpu_percent: int | None = None
    memory_used: int = 0
    memory_total: int = 0
    load: float = 0.0
    no_gpu: str = ""
    nodes: int = 0
    """of a run on several machines; 0: one"""
    reporting: int = 0
    """nodes that report, or did until the end of their agent"""
    busiest: str = ""
    """the node with the most CPU load, and its load: `node3 97 %`"""


def draw_host(view: HostView, width: int, height: int) -> list[Row]:
    parts = [row(dim("host "), view.host)] if view.host else []
    if view.cpu_percent is not None:
        cores = dim(f" of {view.cores} cores") if view.cores else ""
        used = align_right(gibibytes(view.memory_used), 6)
        parts += [
            row(dim("CPU "), align_right(f"{view.cpu_percent} %", 5), cores),
            row(dim("memory "), used, dim(f" of {gibibytes(view.memory_total)} GiB")),
            row(dim("load "), f"{view.load:.1f}"),
        ]
    if view.nodes:
        parts = [row(dim("nodes "), f"{view.reporting} of {view.nodes} report"), *parts]
        parts += [row(dim("busiest "), view.busiest)] if view.busiest else []
    load = fitting(parts, width)
    if not view.no_gpu:
        return [load]
    reason = row(dim("   no GPU readings: " if load else "no GPU readings: "), dim(view.no_gpu))
    if row_width(load) + row_width(reason) <= width:
        return [(*load, *reason)]
    return [load, cut(row(dim("no GPU readings: "), dim(view.no_gpu)), width)]
