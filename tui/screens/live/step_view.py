"""The plot of single decode steps of the present configuration."""

from __future__ import annotations

from runner import metrics
from runner.metrics.step_times import STEP_METRICS
from runner.state.configuration import ConfigurationState
from runner.util.formatting import format_number
from tui.plots.decode_steps import StepPlotData


def make_step_plot(configuration: ConfigurationState, *, running: bool) -> StepPlotData:
    """Return the plot of the decode steps of a configuration."""
    found = configuration.step_times
    if found is None or not found.positions:
        waiting = "waiting for the first timed iteration"
        return StepPlotData(empty=waiting if running else "no decode step was timed")
    context = metrics.MetricContext(configuration)
    p50, p99, slowest = (metrics.compute_metric(metric, context) for metric in STEP_METRICS)
    return StepPlotData(
        n=found.iterations,
        each=found.each,
        p50=p50.value if p50 is not None else None,
        p99=p99.value if p99 is not None else None,
        slowest=f"{format_number(slowest.value, 3)} ms: {slowest.note}"
        if slowest is not None and slowest.value is not None
        else "",
        points=tuple((position.mean, position.high) for position in found.positions),
    )
