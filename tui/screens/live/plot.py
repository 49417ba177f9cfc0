"""The latencies of the present configuration as the live screen draws them; pure, made from the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from runner import metrics
from runner.metrics.gpu_metrics import used
from runner.metrics.outlier_causes import LETTERS, Outlier
from runner.state.configuration import ConfigurationState
from runner.state.gpu import GpuState
from runner.state.gpu_series import GROUP_S
from runner.state.outliers import fence
from runner.state.run import RunState
from runner.util.formatting import plural
from tui.plots.axes import round_seconds
from tui.plots.histogram import HistogramData
from tui.plots.latency import Lane, Mark, PlotData
from tui.plots.split import SplitData
from tui.screens.live.latency_numbers import FEW, Numbers
from tui.screens.live.latency_panel import Plot

Mode = Literal["time", "histogram", "split"]
MODES: tuple[Mode, ...] = ("time", "histogram", "split")
TITLES: dict[Mode, str] = {
    "time": "latency over time, ms",
    "histogram": "how often each latency occurred, ms",
    "split": "prefill and generation, ms",
}
NOT_RECORDED = "no iteration was recorded"
SLOTS = 400
"""of a GPU line: more than a terminal has columns for it"""


def plot(state: RunState, mode: Mode, found: tuple[Outlier, ...], lanes: LaneMemo) -> Plot:
    """What the plot shows of the configuration that is measured now, or was last."""
    configuration = state.configuration
    if configuration is None:
        nothing = "waiting for the first iteration" if state.running else NOT_RECORDED
        empty: dict[Mode, Plot] = {
            "time": PlotData(nothing), "histogram": HistogramData(empty=nothing),
            "split": SplitData(empty=nothing),
        }  # fmt: skip
        return empty[mode]
    if mode == "histogram":
        return _histogram(configuration)
    if mode == "split":
        return _split(configuration, running=state.running)
    return _over_time(state, configuration, found, lanes)


def title(mode: Mode, found: tuple[Outlier, ...]) -> str:
    """What the plot shows, and what the letters of its outliers mean."""
    counts = Counter(outlier.cause for outlier in found)
    named = ", ".join(
        f"{letter} {word} {counts[cause]}" for cause, (letter, word) in LETTERS.items() if counts[cause]
    )
    return TITLES[mode] + (f" · {plural(len(found), 'outlier')}: {named}" if found else "")


def _lines(configuration: ConfigurationState) -> tuple[tuple[str, float], ...]:
    latency = configuration.latency
    if latency.n < 2:
        return ()
    lines = [("p50", latency.percentile(50)), ("mean", latency.mean)]
    return (*lines, *([("p95", latency.percentile(95))] if latency.n >= FEW else []))


def _over_time(
    state: RunState, configuration: ConfigurationState, found: tuple[Outlier, ...], lanes: LaneMemo
) -> PlotData:
    latency, start = configuration.latency, configuration.start
    warmup = _warm_up_ends(configuration)
    origin = configuration.timing_began
    if origin is None:
        mean = sum(configuration.warmup) / len(configuration.warmup) if warmup else 0.0
        origin = max(configuration.last_t, start.t + round(start.warm_up * mean * 1e6))
    wanted = start.duration
    if latency.n:
        elapsed = (configuration.last_t - origin) / 1e9
        # Rounded, so that the axis does not move with every change of the mean.
        wanted = max(wanted, elapsed, 0.001)
        if not configuration.done:
            wanted = max(wanted, start.num_runs * latency.mean / 1000)
    begin = min(0.0, (min(start.t, warmup[0][0]) - origin) / 1e9) if warmup else 0.0
    end = round_seconds(wanted) if wanted else -begin * 0.1 or 1.0
    return PlotData(
        "waiting for the first iteration" if state.running else NOT_RECORDED,
        begin=begin,
        end=end,
        warmup=tuple(((t - origin) / 1e9, value) for t, value in warmup),
        n=latency.n,
        lines=_lines(configuration),
        marks=tuple(
            Mark((outlier.slow.t - origin) / 1e9, outlier.slow.latency_ms, outlier.letter)
            for outlier in found
        ),
        lanes=lanes.of(state, origin + round(begin * 1e9), origin + round(end * 1e9)),
        origin=origin,
        points=tuple(configuration.series.buckets),
    )


def _warm_up_ends(configuration: ConfigurationState) -> list[tuple[int, float]]:
    """When each warm-up iteration ended, and its latency: they follow one another up to the timed ones."""
    ends: list[tuple[int, float]] = []
    t = configuration.timing_began or configuration.last_t
    for latency in reversed(configuration.warmup):
        ends.append((t, latency))
        t -= round(latency * 1e6)
    return ends[::-1]


def _histogram(configuration: ConfigurationState) -> HistogramData:
    latency = configuration.latency
    limit = fence(latency)
    high = latency.maximum if limit is None else min(latency.maximum, limit)
    return HistogramData(
        n=latency.n, low=latency.minimum, high=high, lines=_lines(configuration), latency=latency
    )


def _split(configuration: ConfigurationState, *, running: bool) -> SplitData:
    whole, generation = configuration.batches, configuration.generation_batches
    if configuration.latency.n and not generation.n:
        return SplitData(empty="this engine does not tell generation time apart")
    if not generation.means:
        waiting = "waiting for the first timed iteration"
        return SplitData(empty=waiting if running else "no timed iteration was recorded")
    if generation.n != whole.n:
        return SplitData(empty="some iterations have no generation time, so there is no split")
    return SplitData(
        n=whole.n,
        per_point=whole.width,
        prefill=configuration.latency.mean - configuration.generation.mean,
        generation=configuration.generation.mean,
        points=tuple(zip(whole.means, generation.means, strict=False)),
    )


def numbers(state: RunState) -> Numbers:
    configuration = state.configuration
    if configuration is None or not configuration.latency.n:
        return Numbers() if state.running else Numbers(empty="no timed iteration was recorded")
    ranks = state.stage.ranks if state.stage else 1
    table = metrics.of_iterations(configuration, ranks)

    def known(metric: metrics.Metric) -> float | None:
        return table.get(metric, (None, 0, ""))[0]

    return Numbers(
        n=configuration.latency.n,
        mean=known(metrics.LATENCY),
        p50=known(metrics.P50),
        p95=known(metrics.P95),
        prefill=known(metrics.PREFILL_TIME),
        generation=known(metrics.GENERATION_TIME),
        per_token=known(metrics.TIME_PER_OUTPUT_TOKEN),
        tokens_per_sec=known(metrics.TOKENS_PER_SEC),
    )


# --- the GPUs below the plot -------------------------------------------------------------------------------


class LaneMemo:
    """GPU readings along a time axis; made anew once there is a reading for another slot."""

    def __init__(self) -> None:
        self._key: tuple[int, ...] = ()
        self._lanes: tuple[Lane, ...] = ()

    def of(self, state: RunState, begin: int, end: int) -> tuple[Lane, ...]:
        """First what all GPUs of the run do, then each of them; empty when none is read."""
        last = state.telemetry.last
        if last is None:
            return ()
        key = (begin, end, (min(last.t, end) - begin) * SLOTS // max(1, end - begin))
        if key != self._key:
            self._key, self._lanes = key, _lanes(state, used(state), begin, end)
        return self._lanes


def _lanes(state: RunState, gpus: list[GpuState], begin: int, end: int) -> tuple[Lane, ...]:
    if not gpus:
        return ()
    busy = [_slots(state, gpu, "busy", begin, end) for gpu in gpus]
    clocks = [_slots(state, gpu, "sm_clock", begin, end) for gpu in gpus]
    fastest: float = max((gpu.identity.max_sm_clock or 0 for gpu in gpus), default=0)
    fastest = fastest or max((value for lane in clocks for value in lane if value is not None), default=0.0)
    each = (
        Lane(f"GPU {gpu.identity.index}", 100.0, tuple(slots)) for gpu, slots in zip(gpus, busy, strict=True)
    )
    return (
        Lane("busy %", 100.0, tuple(_mean(values) for values in zip(*busy, strict=True))),
        Lane("SM MHz", fastest, tuple(_least(values) for values in zip(*clocks, strict=True))),
        *(each if len(gpus) > 1 else ()),
    )


def _slots(state: RunState, gpu: GpuState, reading: str, begin: int, end: int) -> list[float | None]:
    """A reading in equal slots of time: the mean of what lies in each; one not read is like its neighbour."""
    sums: list[tuple[float, int]] = [(0.0, 0)] * SLOTS
    recent = [tick for tick in state.telemetry.since(begin) if tick.t <= end]
    readings = [(tick.t, _cell(getattr(tick, reading), gpu.column)) for tick in recent]
    oldest = readings[0][0] if readings else end
    step = state.telemetry.period_ms * 10**6
    if oldest > begin + 10 * 10**9:  # raw samples are kept for some minutes only
        long_ago = state.telemetry.history(gpu, reading)
        before = [(stretch.t, stretch.mean) for stretch in long_ago if begin <= stretch.t < oldest]
        readings = before + readings
        step = GROUP_S * 10**9
    near = max(2, 3 * step * SLOTS // (end - begin))
    previous = -1
    for t, value in readings:
        slot = min((t - begin) * SLOTS // (end - begin), SLOTS - 1)
        if value is None:
            continue
        # A reading stands for the time since the one before it, if that is not long ago.
        first = previous + 1 if 0 <= previous < slot and slot - previous <= near else slot
        for place in range(min(first, slot), slot + 1):
            total, count = sums[place]
            sums[place] = (total + value, count + 1)
        previous = slot
    return [total / count if count else None for total, count in sums]


def _cell(column: list[int | float | None], number: int) -> float | None:
    return column[number] if number < len(column) else None


def _least(values: Iterable[float | None]) -> float | None:
    return min(_known(values), default=None)


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return sum(known) / len(known) if known else None
