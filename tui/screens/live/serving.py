"""The live screen of many requests in flight: the engine's iterations instead of those of a whole batch."""

from __future__ import annotations

from runner.history.run_feed import Feed
from runner.state.configuration import ConfigurationState
from runner.state.serving import EngineLog
from runner.util.formatting import duration
from tui.plots.axes import round_seconds
from tui.plots.histogram import HistogramData
from tui.plots.latency import PlotData
from tui.plots.split import SplitData
from tui.screens.live.flight_panel import Flight
from tui.screens.live.latency_numbers import FEW, Numbers
from tui.screens.live.latency_panel import Plot
from tui.screens.live.plot import Mode
from tui.screens.live.progress_lines import Progress
from tui.text import plain

TITLES: dict[Mode, str] = {
    "time": "engine iterations, ms, over the engine's own time",
    "histogram": "how often each engine iteration took so long, ms",
    "split": "engine iterations, ms",
}
NO_LOG = "this version of trtllm-bench writes no iteration log that can be followed here"
WAITS = "waiting for the engine's log, which it writes in blocks"


def why_empty(feed: Feed, configuration: ConfigurationState) -> str:
    """Why there are no iterations to show, while there are none."""
    serving, stage = configuration.serving, configuration.start.stage
    assert serving is not None
    if stage < len(feed.plan.stages) and "iterations" not in feed.plan.stages[stage].files:
        return NO_LOG
    if not feed.state.running or configuration.done:
        return "the engine logged no iteration"
    return WAITS if serving.phase == "timed" else f"{serving.text or 'starts'}; iterations follow"


def progress(
    configuration: ConfigurationState, now: int, *, number: int, total: int, what: str, over: bool
) -> Progress:
    """How far it is: requests where their number is printed, else what it does and for how long.

    Args:
        configuration: the present one, of requests in flight.
        now: CLOCK_MONOTONIC, ns.
        number: of the configuration, counted from 1.
        total: how many configurations there are.
        what: the configuration in words.
        over: the run has ended.
    """
    serving = configuration.serving
    assert serving is not None
    seconds = int(configuration.elapsed_s(now))
    words = plain(serving.words) + (f", {duration(seconds)}" if serving.phase == "timed" else "")
    left = None if over else configuration.remaining_s(now)
    counted = serving.total if serving.phase != "loading" else 0
    return Progress(
        phase="done" if configuration.done else "warm-up" if serving.phase == "warmup" else "timed",
        what=what,
        number=number,
        total=total,
        warmed=serving.done,
        warm_up=counted,
        measured=serving.done,
        num_runs=counted,
        over=over,
        left_s=None if left is None else round(left),
        counts="requests",
        words="" if counted else words,
    )


def plot(configuration: ConfigurationState, mode: Mode, empty: str) -> Plot:
    """The engine's iterations over the time that they took together; they follow one another."""
    serving = configuration.serving
    assert serving is not None
    engine = serving.engine
    latency = engine.latency
    if mode == "split":
        return SplitData(empty="in flight, inputs and outputs share an iteration")
    if mode == "histogram":
        high = latency.percentile(99.5) if latency.n else 0.0
        return HistogramData(
            n=latency.n, low=latency.minimum, high=high, lines=_lines(engine), empty=empty, latency=latency
        )
    if not latency.n:
        return PlotData(empty)
    return PlotData(
        end=round_seconds(latency.total / 1000),
        n=latency.n,
        lines=_lines(engine),
        points=tuple(engine.series.buckets),
    )


def _lines(engine: EngineLog) -> tuple[tuple[str, float], ...]:
    latency = engine.latency
    if latency.n < 2:
        return ()
    lines = [("p50", latency.percentile(50)), ("mean", latency.mean)]
    return (*lines, *([("p95", latency.percentile(95))] if latency.n >= FEW else []))


def numbers(configuration: ConfigurationState, empty: str) -> Numbers:
    serving = configuration.serving
    assert serving is not None
    engine = serving.engine
    latency = engine.latency
    if not latency.n:
        return Numbers(empty=empty)
    rate = engine.tokens.total / (latency.total / 1000) if engine.tokens.n and latency.total else None
    return Numbers(
        n=latency.n,
        mean=latency.mean,
        p50=latency.percentile(50),
        p95=latency.percentile(95),
        instead=(
            ("tokens/iteration", engine.tokens.mean if engine.tokens.n else None, ""),
            ("in flight", engine.active.mean if engine.active.n else None, ""),
            ("", rate, " tokens/s in and out"),
        ),
    )


def flight(configuration: ConfigurationState, empty: str) -> Flight:
    """The panel of requests, queue and KV cache."""
    serving = configuration.serving
    assert serving is not None
    engine, last = serving.engine, serving.engine.last
    counted = serving.total if serving.phase in ("timed", "reporting") else 0
    if last is None:
        return Flight(done=serving.done, total=counted, note=empty)
    used, blocks = last.kv_used, last.kv_total
    return Flight(
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
