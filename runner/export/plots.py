"""A single plot of a run as an SVG file."""

from __future__ import annotations

from typing import BinaryIO, Literal

from runner.events.missing_readings import without_host_load
from runner.export import charts, gpu_charts, svg
from runner.export.charts import Drawing
from runner.export.run_data import RunData
from runner.util.errors import UserError

PlotName = Literal["latency", "histogram", "gpu"]


def write(data: RunData, out: BinaryIO, plot: PlotName) -> None:
    """Draw one plot.

    Raises:
        UserError: the run has no data for the plot.
    """
    drawings = _drawings(data, plot)
    if not drawings:
        raise UserError(f"{data.run_dir.name}: {_missing_data(data, plot)}")
    title = f"{data.report.profile} · {data.report.engine} · run {data.report.run}"
    out.write(svg.standalone(drawings, title).encode())


def _drawings(data: RunData, plot: PlotName) -> list[Drawing]:
    if plot == "histogram":
        return [drawing for _, drawing in charts.histograms(data)]
    window = charts.window_of(data)
    if plot == "gpu":
        return gpu_charts.gpus(data, window)
    drawing = charts.latency(data, window)
    return [drawing] if drawing else []


def _missing_data(data: RunData, plot: PlotName) -> str:
    if plot == "gpu":
        reason = without_host_load(data.environment.no_gpu or "none of a GPU of the ranks")
        return f"no GPU readings to draw: {reason}"
    return "it has no iterations, so there is nothing to draw"
