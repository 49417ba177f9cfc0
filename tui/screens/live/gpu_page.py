"""The GPUs on the whole screen: bars and history of each as far as there is room, and the processes."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, Span, cut, dim, fitting, row, row_width, spread
from tui.screens.live.gpu_panel import UNKNOWN, GpuLine, draw_gpus, throttle_span
from tui.screens.live.process_rows import ProcessLine, draw_processes
from tui.text import BrailleCanvas, align_right, bar, gibibytes

MOST_HISTORY_ROWS = 8
GAUGE = 26
"""least cells of a bar with its name and number"""
LABEL = 7
"""cells of the name of a history"""
FEWEST_PROCESS_ROWS = 4
"""rows that the processes keep when bars and history of GPUs take the rest"""


class GpuDetail(msgspec.Struct, frozen=True):
    """One GPU."""

    line: GpuLine
    name: str = ""
    facts: tuple[str, ...] = ()
    """PCI address, link, errors, ..."""
    busy: tuple[float | None, ...] = ()
    power: tuple[float | None, ...] = ()
    """histories, the newest last; None: no reading"""


class GpuPage(msgspec.Struct, frozen=True):
    versions: str = ""
    """of the driver and CUDA"""
    gpus: tuple[GpuDetail, ...] = ()
    processes: tuple[ProcessLine, ...] = ()
    no_processes: str = ""
    """why there is no list of processes"""


def draw_gpu_page(page: GpuPage, width: int, height: int) -> list[Row]:
    """Draw the page; rows that do not fit are for scrolling."""
    count = len(page.gpus)
    below = draw_processes(page.processes, width) if page.processes else [row(dim(page.no_processes))]
    room = height - 1 - min(len(below) + 1, max(FEWEST_PROCESS_ROWS, height // 3))
    gauges = min(5, max(1, width // GAUGE))
    each = room // count if count else 0
    rows = [cut(row(dim(page.versions)), width)]
    if each < 2:
        rows += draw_gpus(tuple(gpu.line for gpu in page.gpus), width, 0)
    else:
        for gpu in page.gpus:
            rows += _block(gpu, width, min(each, 2 + MOST_HISTORY_ROWS), gauges)
    return [*rows, (), *below]


def _block(gpu: GpuDetail, width: int, rows: int, gauges: int) -> list[Row]:
    """Draw one GPU in `rows` rows: what it is, its bars, and with room its history and an empty row."""
    if gpu.line.trouble:
        state = row(Span(gpu.line.trouble, "bad"), dim("   no current reading"))
        return [cut(spread(_title(gpu), state, width), width), *[()] * (rows - 1)]
    bars = _gauges(gpu.line, width, gauges)
    drawn = [_head(gpu, width, hidden=bars[gauges:]), _gauge_row(bars[:gauges], width)]
    history = rows - 2 - (1 if rows >= 5 else 0)
    if history > 0:
        drawn += _histories(gpu, width, history)
    return [*drawn, *[()] * (rows - len(drawn))]


def _title(gpu: GpuDetail) -> Row:
    ranks = f"  rank {gpu.line.ranks}" if gpu.line.ranks else ""
    return row(Span(f"GPU {gpu.line.index}", "strong"), f"  {gpu.name}", dim(ranks))


def _head(gpu: GpuDetail, width: int, hidden: list[tuple[str, float | None, str]]) -> Row:
    line = gpu.line
    clock = UNKNOWN if line.sm_clock is None else f"{line.sm_clock:.0f}"
    heat = UNKNOWN if line.temperature is None else f"{line.temperature:.0f}"
    throttle = throttle_span(line.throttled_by, wide=width >= 150)
    state = row(
        *(part for name, _, text in hidden for part in (dim(f"{name} "), text.strip(), "  ")),
        align_right(clock, 4),
        dim(" MHz  "),
        align_right(heat, 3),
        dim(" °C  throttle "),
        Span(throttle.text.ljust(4), throttle.style),
    )
    left = fitting([_title(gpu), *(row(dim(fact)) for fact in gpu.facts)], width - row_width(state) - 2, "  ")
    return cut(spread(left, state, width), width)


def _gauges(line: GpuLine, width: int, shown: int) -> list[tuple[str, float | None, str]]:
    """Return name, share (None: no number) and text of each bar, the most important first."""
    total = gibibytes(line.memory_total) if line.memory_total else UNKNOWN
    used = UNKNOWN if line.memory_used is None else gibibytes(line.memory_used)
    memory = line.memory_used / line.memory_total if line.memory_used and line.memory_total else None
    limit = "" if line.power_limit is None else f"/{line.power_limit:.0f}"
    watts = UNKNOWN if line.power is None else f"{line.power:.0f}"
    power = line.power / line.power_limit if line.power is not None and line.power_limit else None
    return [
        ("memory", memory, align_right(f"{used}/{total} GiB", 15)),
        ("busy", *_percent(line, "busy", line.busy)),
        ("power", power, align_right(f"{watts}{limit} W", 9)),
        ("SM", *_percent(line, "sm_active", line.sm_active)),
        ("DRAM", *_percent(line, "dram_active", line.dram_active)),
    ]


def _percent(line: GpuLine, name: str, value: float | None) -> tuple[float | None, str]:
    if value is None:
        return None, align_right("n/a" if name in line.missing else UNKNOWN, 5)
    return value / 100, align_right(f"{value:.0f} %", 5)


def _gauge_row(gauges: list[tuple[str, float | None, str]], width: int) -> Row:
    gap = 2
    texts = sum(len(name) + len(text) + 2 for name, _, text in gauges) + gap * (len(gauges) - 1)
    cells = max(3, (width - texts) // len(gauges))
    spans: list[str | Span] = []
    for name, share, text in gauges:
        spans += [" " * gap] if spans else []
        full, empty = ("", " " * cells) if share is None else bar(share, cells)
        spans += [dim(f"{name} "), Span(full, "accent"), dim(empty), f" {text}"]
    return cut(row(*spans), width)


def _histories(gpu: GpuDetail, width: int, rows: int) -> list[Row]:
    """Draw load and power next to each other, two readings a cell, the newest at the right."""
    top = gpu.line.power_limit or max((value for value in gpu.power if value is not None), default=0.0)
    size = max(4, (width - 2 * LABEL - 2) // 2)
    busy, power = _graph(gpu.busy, 100.0, size, rows), _graph(gpu.power, top, size, rows)
    drawn = []
    for y in range(rows):
        first, second = ("busy", "power") if not y else ("", "")
        drawn.append(
            cut(
                row(
                    dim(first.ljust(LABEL)),
                    Span(busy.row(y), "accent"),
                    "  ",
                    dim(second.ljust(LABEL)),
                    Span(power.row(y), "accent"),
                ),
                width,
            )
        )
    return drawn


def _graph(values: tuple[float | None, ...], top: float, width: int, rows: int) -> BrailleCanvas:
    dots = BrailleCanvas(width, rows)
    shown = values[-2 * width :]
    start, highest = 2 * width - len(shown), rows * 4 - 1
    for position, value in enumerate(shown):
        if value is not None and top > 0:
            height = round(min(value / top, 1.0) * highest)
            dots.column(start + position, highest - height, highest)
    return dots
