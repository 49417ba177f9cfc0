"""The live screen of an engine with in-flight batching: its iterations instead of those of a batch.

Pure functions of the run's state.
"""

from __future__ import annotations

from runner.history.run_feed import Feed
from runner.state.configuration import ConfigurationState
from runner.util.formatting import duration
from tui.plots.axes import round_seconds
from tui.plots.histogram import HistogramData
from tui.plots.latency import LatencyPlotData
from tui.plots.prefill_generation import SplitData
from tui.screens.live import plot_view
from tui.screens.live.in_flight_panel import InFlightView
from tui.screens.live.latency_numbers import LatencyNumbers
from tui.screens.live.latency_panel import LatencyPlot
from tui.screens.live.plot_view import PlotMode
from tui.screens.live.progress_lines import ProgressView
from tui.text import plain_text

TITLES: dict[PlotMode, str] = {
    "time": "engine iteration time, ms",
    "histogram": "engine iteration time, histogram, ms",
    "split": "engine iteration time, ms",
    "steps": "engine iteration time, ms",
}
NO_LOG = "this version of trtllm-bench writes no readable iteration log"
WAITING = "waiting for the engine's log (written in blocks)"


def empty_reason(feed: Feed, configuration: ConfigurationState) -> str:
    """Explain why there are no iterations to show."""
    serving, stage = configuration.serving, configuration.start.stage
    assert serving is not None
    if stage < len(feed.plan.stages) and "iterations" not in feed.plan.stages[stage].files:
        return NO_LOG
    if not feed.state.running or configuration.done:
        return "the engine logged no iteration"
    return WAITING if serving.phase == "timed" else f"{serving.text or 'starting'}; iterations follow"


def make_progress(
    configuration: ConfigurationState, now: int, *, number: int, total: int, what: str, ended: bool
) -> ProgressView:
    """Return the progress: requests if the engine prints their number, else its activity and duration.

    Args:
        configuration: the present configuration, with requests in flight.
        now: CLOCK_MONOTONIC, ns.
        number: of the configuration, counted from 1.
        total: how many configurations there are.
        what: description of the configuration.
        ended: the run has ended.
    """
    serving = configuration.serving
    assert serving is not None
    seconds = int(configuration.elapsed_s(now))
    activity = plain_text(serving.words) + (f", {duration(seconds)}" if serving.phase == "timed" else "")
    left = None if ended else configuration.remaining_s(now)
    counted = serving.total if serving.phase != "loading" else 0
    return ProgressView(
        phase="done" if configuration.done else "warm-up" if serving.phase == "warmup" else "timed",
        what=what,
        number=number,
        total=total,
        warmed=serving.done,
        warm_up=counted,
        measured=serving.done,
        num_runs=counted,
        ended=ended,
        left_s=None if left is None else round(left),
        counts="requests",
        activity="" if counted else activity,
    )


def make_plot(
    configuration: ConfigurationState, mode: PlotMode, empty: str, spread: plot_view.LatencySpread
) -> LatencyPlot:
    """Return the plot of the engine's iterations over their total time; they run one after another.

    Args:
        configuration: the present configuration, with requests in flight.
        mode: kind of plot.
        empty: text while there is no iteration.
        spread: the spread of the engine's iterations.
    """
    serving = configuration.serving
    assert serving is not None
    engine = serving.engine
    latency = engine.latency
    if mode in ("split", "steps"):
        return SplitData(empty="no split: in flight, inputs and outputs share an iteration")
    if mode == "histogram":
        high = latency.percentile(99.5) if latency.n else 0.0
        lines = plot_view.histogram_lines(latency)
        return HistogramData(
            n=latency.n, low=latency.minimum, high=high, lines=lines, empty=empty, latency=latency
        )
    if not latency.n:
        return LatencyPlotData(empty)
    return LatencyPlotData(
        end=latency.total / 1000 if configuration.done else round_seconds(latency.total / 1000),
        n=latency.n,
        lines=plot_view.time_lines(latency, None),
        band=spread.band,
        most=spread.most,
        points=tuple(engine.series.buckets),
    )


def make_title(mode: PlotMode, plot: LatencyPlot, configuration: ConfigurationState) -> str:
    """Return the title of the plot, with its y axis."""
    serving = configuration.serving
    assert serving is not None
    return TITLES[mode] + plot_view.axis_note(plot, serving.engine.latency)


def make_numbers(configuration: ConfigurationState, empty: str) -> LatencyNumbers:
    serving = configuration.serving
    assert serving is not None
    engine = serving.engine
    latency = engine.latency
    if not latency.n:
        return LatencyNumbers(empty=empty)
    rate = engine.tokens.total / (latency.total / 1000) if engine.tokens.n and latency.total else None
    return LatencyNumbers(
        n=latency.n,
        mean=latency.mean,
        p50=latency.percentile(50),
        p95=latency.percentile(95),
        instead=(
            ("tokens/iteration", engine.tokens.mean if engine.tokens.n else None, ""),
            ("in flight", engine.active.mean if engine.active.n else None, ""),
        ),
        tokens_per_sec=rate,
        tokens_unit="total tokens/s",
    )


def make_in_flight(configuration: ConfigurationState, empty: str) -> InFlightView:
    """Return requests, queue and KV cache for the panel."""
    serving = configuration.serving
    assert serving is not None
    engine, last = serving.engine, serving.engine.last
    counted = serving.total if serving.phase in ("timed", "reporting") else 0
    if last is None:
        return InFlightView(done=serving.done, total=counted, note=empty)
    used, blocks = last.kv_used, last.kv_total
    return InFlightView(
        done=serving.done,
        total=counted,
        active=last.active,
        active_mean=engine.active.mean if engine.active.n else None,
        queued=last.queued,
        queued_most=engine.queued.maximum if engine.queued.n else None,
        iteration_ms=last.latency_ms,
        iteration_mean=engine.latency.mean,
        tokens=last.tokens,
        tokens_mean=engine.tokens.mean if engine.tokens.n else None,
        kv_share=used / blocks if used is not None and blocks else None,
        kv_peak=engine.kv_share.maximum if engine.kv_share.n else None,
        kv_blocks=blocks,
        gpu_memory=last.gpu_memory,
    )
