"""The panel of the GPUs: a line a GPU and foreign processes, or the whole page when it is maximised."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row
from tui.screens.live.gpu_fold import draw_folded_gpus
from tui.screens.live.gpu_page import GpuPage, draw_gpu_page
from tui.screens.live.gpu_panel import GpuLine
from tui.screens.live.process_rows import ProcessLine, draw_process, process_heading

MOST_PROCESSES = 3
"""processes that are shown below the GPUs"""


class GpuBox(msgspec.Struct, frozen=True):
    lines: tuple[GpuLine, ...] = ()
    foreign: tuple[ProcessLine, ...] = ()
    """processes on GPUs of the run that are not of the run"""
    page: GpuPage | None = None
    """shown instead when the panel has the whole screen"""

    @property
    def rows(self) -> int:
        """Rows that the panel wants below its heading."""
        processes = min(len(self.foreign), MOST_PROCESSES)
        return len(self.lines) + (1 + processes if processes else 0)


def draw_gpu_box(box: GpuBox, width: int, height: int) -> list[Row]:
    if box.page is not None:
        return draw_gpu_page(box.page, width, height)
    rows = draw_folded_gpus(box.lines, width, height)
    room = height - len(rows)
    if room >= 2 and box.foreign:
        rows.append(process_heading(width))
        rows += [draw_process(line, width) for line in box.foreign[: min(room - 1, MOST_PROCESSES)]]
    return rows
