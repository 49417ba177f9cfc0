"""The panel of the GPUs: a line a GPU and foreign processes, or the whole page when it is maximised."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row
from tui.screens.live.gpu_fold import draw_folded_gpus
from tui.screens.live.gpu_page import GpuPage, draw_gpu_page
from tui.screens.live.gpu_panel import GpuLine
from tui.screens.live.node_pages import NodePage, draw_gpu_nodes
from tui.screens.live.node_rows import NodeGpus, draw_node_gpus
from tui.screens.live.process_rows import ProcessLine, draw_process, process_heading

MOST_PROCESSES = 3
"""processes that are shown below the GPUs"""


class GpuBox(msgspec.Struct, frozen=True):
    lines: tuple[GpuLine, ...] = ()
    foreign: tuple[ProcessLine, ...] = ()
    """processes on GPUs of the run that are not of the run"""
    page: GpuPage | None = None
    """shown instead when the panel has the whole screen"""
    nodes: tuple[NodeGpus, ...] = ()
    """shown instead of `lines` for a run on several nodes"""
    node_page: NodePage | None = None
    """shown instead of `page` for a run on several nodes"""

    @property
    def any(self) -> bool:
        """Whether there is a GPU, or a node that should have some."""
        return bool(self.lines or self.nodes or self.node_page)

    @property
    def rows(self) -> int:
        """Rows that the panel wants below its heading."""
        processes = min(len(self.foreign), MOST_PROCESSES)
        nodes = self.nodes if self.node_page is None else self.node_page.nodes
        return len(self.lines) + len(nodes) + (1 + processes if processes else 0)


def draw_gpu_box(box: GpuBox, width: int, height: int) -> list[Row]:
    if box.page is not None:
        return draw_gpu_page(box.page, width, height)
    if box.node_page is not None:
        return draw_gpu_nodes(box.node_page, width)
    if box.nodes:
        rows = draw_node_gpus(box.nodes, width, height)
    else:
        rows = draw_folded_gpus(box.lines, width, height)
    room = height - len(rows)
    if room >= 2 and box.foreign:
        rows.append(process_heading(width))
        rows += [draw_process(line, width) for line in box.foreign[: min(room - 1, MOST_PROCESSES)]]
    return rows
