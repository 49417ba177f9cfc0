"""The latencies of the present configuration, drawn in one of three ways, and the numbers below."""

from __future__ import annotations

from tui.widgets.histogram import HistogramData, draw_histogram
from tui.widgets.latency_numbers import Numbers, draw_numbers
from tui.widgets.latency_plot import PlotData, draw_plot
from tui.widgets.rows import Row
from tui.widgets.split_plot import SplitData, draw_split

Plot = PlotData | HistogramData | SplitData


def draw_latency(data: tuple[Plot, Numbers], width: int, height: int) -> list[Row]:
    plot, numbers = data
    below = draw_numbers(numbers, width)
    if height <= 6:
        below = below[:1]
    room = max(0, height - len(below))
    if isinstance(plot, PlotData):
        rows = draw_plot(plot, width, room)
    elif isinstance(plot, HistogramData):
        rows = draw_histogram(plot, width, room)
    else:
        rows = draw_split(plot, width, room)
    return [*rows, *[()] * (room - len(rows)), *below]
