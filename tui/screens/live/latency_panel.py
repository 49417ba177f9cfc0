"""The latencies of the present configuration as one of four plots, with their statistics below."""

from __future__ import annotations

from tui.framework.rows import Row
from tui.plots.decode_steps import StepPlotData, draw_steps
from tui.plots.histogram import HistogramData, draw_histogram
from tui.plots.latency import LatencyPlotData, draw_latency_plot
from tui.plots.prefill_generation import SplitData, draw_split
from tui.screens.live.latency_numbers import LatencyNumbers, draw_numbers

LatencyPlot = LatencyPlotData | HistogramData | SplitData | StepPlotData


def draw_latency(data: tuple[LatencyPlot, LatencyNumbers], width: int, height: int) -> list[Row]:
    plot, numbers = data
    below = draw_numbers(numbers, width)
    if height <= 6:
        below = below[:1]
    room = max(0, height - len(below))
    if isinstance(plot, LatencyPlotData):
        rows = draw_latency_plot(plot, width, room)
    elif isinstance(plot, HistogramData):
        rows = draw_histogram(plot, width, room)
    elif isinstance(plot, StepPlotData):
        rows = draw_steps(plot, width, room)
    else:
        rows = draw_split(plot, width, room)
    return [*rows, *[()] * (room - len(rows)), *below]
