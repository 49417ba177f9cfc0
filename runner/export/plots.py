"""One plot of a run as an SVG file of its own."""

from __future__ import annotations

from typing import BinaryIO, Literal

from runner.errors import UserError
from runner.events.missing_readings import without_host_load
from runner.export import charts, svg
from runner.export.charts import Drawing
from runner.export.run_data import Subject

Plot = Literal["latency", "histogram", "gpu"]


def write(subject: Subject, out: BinaryIO, plot: Plot) -> None:
    """Draw one plot.

    Raises:
        UserError: the run has nothing to draw there.
    """
    drawings = _drawings(subject, plot)
    if not drawings:
        raise UserError(f"{subject.run_dir.name}: {_why(subject, plot)}")
    title = f"{subject.report.profile} · {subject.report.engine} · run {subject.report.run}"
    out.write(svg.standalone(drawings, title).encode())


def _drawings(subject: Subject, plot: Plot) -> list[Drawing]:
    if plot == "histogram":
        return [drawn for _, drawn in charts.histograms(subject)]
    window = charts.window_of(subject)
    if plot == "gpu":
        return charts.gpus(subject, window)
    drawn = charts.latency(subject, window)
    return [drawn] if drawn else []


def _why(subject: Subject, plot: Plot) -> str:
    if plot == "gpu":
        reason = without_host_load(subject.environment.no_gpu or "none of a GPU that ranks computed on")
        return f"no GPU readings to draw: {reason}"
    return "no iteration was observed, so there is nothing to draw"
