"""Latency plots of the present configuration. Pure functions of the run's state."""

from __future__ import annotations

from collections import Counter
from typing import Literal, get_args

import msgspec

from runner import metrics
from runner.metrics.mode_text import describe_mode
from runner.metrics.outlier_causes import CAUSE_LETTERS, Outlier, count_phrase
from runner.state.configuration import ConfigurationState
from runner.state.outliers import count_outliers, outlier_fence, range_of_most
from runner.state.run import RunState
from runner.stats import Sample
from runner.stats.modes import find_modes
from runner.util.formatting import plural
from tui.plots.axes import round_seconds
from tui.plots.decode_steps import StepPlotData
from tui.plots.histogram import HistogramData
from tui.plots.latency import AxisMode, LatencyPlotData, OutlierMark
from tui.plots.prefill_generation import SplitData
from tui.screens.live.gpu_lanes import GpuLaneCache
from tui.screens.live.latency_numbers import MIN_FOR_P95, LatencyNumbers
from tui.screens.live.latency_panel import LatencyPlot
from tui.screens.live.step_view import make_step_plot
from tui.text import format_measurement

PlotMode = Literal["time", "histogram", "split", "steps"]
PLOT_MODES: tuple[PlotMode, ...] = ("time", "histogram", "split")
"""the plots that every run has; `next_mode` adds those of some"""
AXIS_MODES: tuple[AxisMode, ...] = get_args(AxisMode)
TITLES: dict[PlotMode, str] = {
    "time": "latency over time, ms",
    "histogram": "latency histogram, ms",
    "split": "prefill and generation, ms",
    "steps": "decode steps, ms",
}
NOT_RECORDED = "no iteration was recorded"
FLATTENED = 2.0
"""Outliers flatten the others when the whole range is this many times as large as the range without them."""
LEAST_RANGE = 0.02
"""least range of a y axis, as a share of the latency"""


class LatencySpread(msgspec.Struct, frozen=True):
    """Two ranges of latencies, ms."""

    most: tuple[float, float] | None = None
    """the range without outliers; None: outliers do not flatten the others"""
    band: tuple[float, float] | None = None
    """p5 and p95; None: too few iterations"""


def next_mode(mode: PlotMode, state: RunState) -> PlotMode:
    """Return the plot after `mode`; that of decode steps only if their times are reported."""
    configuration = state.configuration
    timed = configuration is not None and configuration.step_times is not None
    modes: tuple[PlotMode, ...] = (*PLOT_MODES, "steps") if timed else PLOT_MODES
    return modes[(modes.index(mode) + 1) % len(modes)] if mode in modes else modes[0]


def make_plot(
    state: RunState,
    mode: PlotMode,
    outliers: tuple[Outlier, ...],
    lanes: GpuLaneCache,
    spread: LatencySpread | None = None,
    baseline_p50: float | None = None,
) -> LatencyPlot:
    """Return the plot of the present or last configuration; its y axis is linear.

    Args:
        state: state of the run.
        mode: kind of plot.
        outliers: those with a known cause.
        lanes: the cache of the GPU readings below the plot.
        spread: the spread of the latencies, if it was computed before.
        baseline_p50: median latency of the baseline in this configuration, ms; None: there is none.
    """
    configuration = state.configuration
    if configuration is None:
        text = "waiting for the first iteration" if state.running else NOT_RECORDED
        empty: dict[PlotMode, LatencyPlot] = {
            "time": LatencyPlotData(text), "histogram": HistogramData(empty=text),
            "split": SplitData(empty=text), "steps": StepPlotData(empty=text),
        }  # fmt: skip
        return empty[mode]
    if mode == "histogram":
        return _histogram(configuration)
    if mode == "split":
        return _split(configuration, running=state.running)
    if mode == "steps":
        return make_step_plot(configuration, running=state.running)
    spread = spread or spread_of(configuration.latency)
    return _over_time(state, configuration, outliers, lanes, spread, baseline_p50)


def make_title(
    mode: PlotMode,
    plot: LatencyPlot,
    configuration: ConfigurationState | None,
    outliers: tuple[Outlier, ...],
    *,
    moves: bool,
) -> str:
    """Return the title of the plot, with its y axis, two modes, and the number of outliers of each cause.

    Args:
        mode: kind of plot.
        plot: the plot.
        configuration: the present one.
        outliers: those with a known cause.
        moves: the latency drifts or steps, so that two modes are two times.
    """
    title = TITLES[mode]
    if configuration is None:
        return title
    title += axis_note(plot, configuration.latency)
    modes = find_modes(configuration.latency)
    if modes is not None and not moves:
        title += f" · two modes: {describe_mode(modes.low)}, {describe_mode(modes.high)}"
    if not outliers:
        return title
    counts = Counter(outlier.cause for outlier in outliers)
    named = ", ".join(
        f"{letter} {word} {counts[cause]}" for cause, (letter, word) in CAUSE_LETTERS.items() if counts[cause]
    )
    total = count_outliers(configuration.latency)
    return f"{title} · {plural(total, 'outlier')}: {count_phrase(len(outliers), total)}{named}"


def histogram_lines(latency: Sample) -> tuple[tuple[str, float], ...]:
    """Return the vertical lines of a histogram: median, mean, and p95 if there are enough values."""
    if latency.n < 2:
        return ()
    lines = [("p50", latency.percentile(50)), ("mean", latency.mean)]
    return (*lines, *([("p95", latency.percentile(95))] if latency.n >= MIN_FOR_P95 else []))


def with_axis(plot: LatencyPlot, axis: AxisMode) -> LatencyPlot:
    """Return the plot with this y axis; only the plot over time has several."""
    return msgspec.structs.replace(plot, axis=axis) if isinstance(plot, LatencyPlotData) else plot


def axis_note(plot: LatencyPlot, latency: Sample) -> str:
    """Describe a y axis that is not linear over all values, for the title; empty: it is."""
    if not isinstance(plot, LatencyPlotData) or not plot.n:
        return ""
    if plot.axis == "log":
        return " · log axis"
    if plot.most is None:
        return ""
    if plot.axis == "full":
        return " · full range"
    above = f" · ▴ max {format_measurement(latency.maximum)}" if latency.maximum > plot.most[1] else ""
    below = f" · ▾ min {format_measurement(latency.minimum)}" if latency.minimum < plot.most[0] else ""
    return above + below


def time_lines(latency: Sample, baseline_p50: float | None) -> tuple[tuple[str, float], ...]:
    """Return the lines of the plot over time: the median, and that of the baseline."""
    median = [("p50", latency.percentile(50))] if latency.n >= 2 else []
    return (*median, *([("base", baseline_p50)] if baseline_p50 is not None else []))


def spread_of(latency: Sample) -> LatencySpread:
    """Return the spread of latencies for the plot over time."""
    band = (latency.percentile(5), latency.percentile(95)) if latency.n >= MIN_FOR_P95 else None
    most = range_of_most(latency)
    if most is not None:
        span = max(most[1] - most[0], LEAST_RANGE * most[1])
        most = most if latency.maximum - latency.minimum > FLATTENED * span else None
    return LatencySpread(most, band)


def _over_time(
    state: RunState,
    configuration: ConfigurationState,
    outliers: tuple[Outlier, ...],
    lanes: GpuLaneCache,
    spread: LatencySpread,
    baseline_p50: float | None,
) -> LatencyPlotData:
    latency, start = configuration.latency, configuration.start
    warmup = _warm_up_ends(configuration)
    origin = configuration.timing_began
    if origin is None:
        mean = sum(configuration.warmup) / len(configuration.warmup) if warmup else 0.0
        origin = max(configuration.last_t, start.t + round(start.warm_up * mean * 1e6))
    begin = min(0.0, (warmup[0][0] - origin) / 1e9 - warmup[0][1] / 1000) if warmup else 0.0
    end = _axis_end(configuration, origin, running=state.running)
    if end:  # a long warm-up does not take the room of the timed iterations
        begin = max(begin, -end)
    end = end or -begin * 0.1 or 1.0
    return LatencyPlotData(
        "waiting for the first iteration" if state.running else NOT_RECORDED,
        begin=begin,
        end=end,
        warmup=tuple((at, value) for t, value in warmup if (at := (t - origin) / 1e9) >= begin),
        n=latency.n,
        lines=time_lines(latency, baseline_p50),
        band=spread.band,
        most=spread.most,
        marks=tuple(
            OutlierMark((outlier.slow.t - origin) / 1e9, outlier.slow.latency_ms, outlier.letter)
            for outlier in outliers
        ),
        lanes=lanes.get(state, origin + round(begin * 1e9), origin + round(end * 1e9)),
        origin=origin,
        points=tuple(configuration.series.buckets),
    )


def _axis_end(configuration: ConfigurationState, origin: int, *, running: bool) -> float:
    """Return the end of the time axis, seconds after `origin`; 0: no timed iteration yet.

    It is the last iteration if no further one follows, else the expected end. Until a quarter of that time
    has passed, the axis ends there, and so on: a longer one is mostly empty, and each change redraws all.
    """
    start, latency = configuration.start, configuration.latency
    if not latency.n:
        return 0.0
    elapsed = max((configuration.last_t - origin) / 1e9, 0.001)
    if configuration.done or not running:
        return elapsed
    # Rounded, so that the axis does not move with every change of the mean.
    end = round_seconds(max(start.duration, start.num_runs * latency.mean / 1000, elapsed))
    while end / 4 >= elapsed:
        end /= 4
    return end


def _warm_up_ends(configuration: ConfigurationState) -> list[tuple[int, float]]:
    """Return the end time and the latency of each warm-up iteration; they end where the timing starts."""
    ends: list[tuple[int, float]] = []
    t = configuration.timing_began or configuration.last_t
    for latency in reversed(configuration.warmup):
        ends.append((t, latency))
        t -= round(latency * 1e6)
    return ends[::-1]


def _histogram(configuration: ConfigurationState) -> HistogramData:
    latency = configuration.latency
    limit = outlier_fence(latency)
    high = latency.maximum if limit is None else min(latency.maximum, limit)
    return HistogramData(
        n=latency.n, low=latency.minimum, high=high, lines=histogram_lines(latency), latency=latency
    )


def _split(configuration: ConfigurationState, *, running: bool) -> SplitData:
    whole, generation = configuration.batches, configuration.generation_batches
    if configuration.latency.n and not generation.n:
        return SplitData(empty="this engine does not report generation time")
    if not generation.means:
        waiting = "waiting for the first timed iteration"
        return SplitData(empty=waiting if running else "no timed iteration was recorded")
    if generation.n != whole.n:
        return SplitData(empty="no split: some iterations have no generation time")
    return SplitData(
        n=whole.n,
        per_point=whole.width,
        prefill=configuration.latency.mean - configuration.generation.mean,
        generation=configuration.generation.mean,
        points=tuple(zip(whole.means, generation.means, strict=False)),
    )


def make_numbers(state: RunState, ceiling: metrics.Ceiling | None = None) -> LatencyNumbers:
    configuration = state.configuration
    if configuration is None or not configuration.latency.n:
        return LatencyNumbers() if state.running else LatencyNumbers(empty="no timed iteration was recorded")
    ranks = state.stage.ranks if state.stage else 1
    context = metrics.MetricContext(configuration, ranks)

    def value_of(metric: metrics.Metric) -> float | None:
        computed = metrics.compute_metric(metric, context)
        return computed.value if computed is not None else None

    return LatencyNumbers(
        n=configuration.latency.n,
        mean=value_of(metrics.LATENCY),
        p50=value_of(metrics.P50),
        p95=value_of(metrics.P95),
        prefill=value_of(metrics.PREFILL_TIME),
        generation=value_of(metrics.GENERATION_TIME),
        per_token=value_of(metrics.TIME_PER_OUTPUT_TOKEN),
        tokens_per_sec=value_of(metrics.TOKENS_PER_SEC),
        # With GPU readings, the title of the panel of GPUs has the ceiling.
        ceiling=ceiling.short if ceiling is not None and not state.all_gpus else "",
    )
