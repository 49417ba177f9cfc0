"""The content of the live screen as one immutable value, computed from a feed without a terminal."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from runner import events as ev
from runner.history.run_feed import Feed, known_until
from runner.metrics.latency import P50
from runner.metrics.outlier_causes import Outlier, find_outliers
from runner.metrics.stall import Stall, find_stall
from runner.plan.plan import configuration_of
from runner.report.eta import EarlierTimes, estimate_time_left
from runner.run import layout
from runner.run.liveness import is_mirror, mirror_problem
from runner.state.configuration import ConfigurationState, answer_source, batching_label
from runner.state.job import job_waiting_text
from runner.state.run import RunState
from runner.state.waiting import waiting_text
from runner.util.formatting import duration, plural
from tui.framework.run_header import RunHeader, short_id
from tui.plots.latency import AxisMode
from tui.screens.live import plot_view, serving_view
from tui.screens.live.configuration_table import ConfigurationTable
from tui.screens.live.gpu_box import GpuBox
from tui.screens.live.gpu_view import gpu_box, gpu_title
from tui.screens.live.health_findings import assess_health
from tui.screens.live.health_line import HealthLine
from tui.screens.live.host_line import HostView
from tui.screens.live.in_flight_panel import InFlightView
from tui.screens.live.latency_numbers import LatencyNumbers
from tui.screens.live.latency_panel import LatencyPlot
from tui.screens.live.node_pages import FOLDED, Folding, NodeRankPage
from tui.screens.live.node_rows import NodeRankLines
from tui.screens.live.node_view import busiest_node, node_ranks
from tui.screens.live.plot_view import PlotMode
from tui.screens.live.progress_lines import CurrentIteration, ProgressPhase, ProgressView
from tui.screens.live.rank_page import RankPage
from tui.screens.live.rank_panel import RankLine
from tui.screens.live.rank_view import rank_lines, rank_node_page, rank_page, rank_title
from tui.screens.live.stage_strip import StageItem, StageLine, StageMark
from tui.screens.live.view_cache import LiveViewCache
from tui.screens.result.answers import Answers, one_line
from tui.text import gibibytes, plain_text

LONG_ITERATION_S = 5
"""From this length on the time in the current iteration is shown."""
SILENT_S = 2
"""After this time without an event the footer shows how long the run has been silent."""


class LiveView(msgspec.Struct, frozen=True):
    header: RunHeader
    stages: StageLine
    progress: ProgressView
    plot: LatencyPlot
    plot_title: str
    numbers: LatencyNumbers
    configurations: ConfigurationTable
    ranks: tuple[RankLine, ...]
    rank_page: RankPage | None
    """shown instead if the panel has the whole screen"""
    nodes: NodeRankLines | NodeRankPage | None
    """shown instead of the ranks for a run on several nodes; None: one machine"""
    rank_title: str
    flight: InFlightView | None
    """shown instead of the ranks for an engine with in-flight batching; None: the ranks report themselves"""
    answers: Answers
    """the last answer of the model"""
    gpus: GpuBox
    """without lines: no GPU is read"""
    gpu_title: str
    host: HostView
    health: HealthLine
    note: str
    """text for the footer: how long the run has been silent"""
    log: Path | None
    """log of the present stage"""
    log_bytes: int | None
    """how much of it was written at this time of a replay; None: all of it"""
    running: bool
    can_stop: bool


def make_live_view(
    feed: Feed,
    *,
    reading: bool = False,
    mode: PlotMode = "time",
    axis: AxisMode = "linear",
    full: str = "",
    folding: Folding = FOLDED,
    cache: LiveViewCache | None = None,
) -> LiveView:
    """Return the content of the live screen.

    Args:
        reading: the existing log is not read completely yet.
        mode: kind of latency plot.
        axis: its y axis, for latency over time.
        full: the panel that has the whole screen; empty: none.
        folding: the nodes that the whole screen unfolds.
        cache: results kept from earlier views.
    """
    state, now = feed.state, feed.now()
    configuration, stage = state.configuration, state.stage
    cache = cache or LiveViewCache()
    steady = cache.steadiness(configuration)
    slow = find_outliers(state, len(state.configurations) - 1) if configuration else ()
    stall = find_stall(state, known_until(feed)) if not feed.gone else None
    serving = configuration if configuration is not None and configuration.serving is not None else None
    current = cache.ceiling(feed)
    empty = serving_view.empty_reason(feed, serving) if serving else ""
    plot = plot_view.with_axis(_plot(state, serving, mode, slow, cache, empty), axis)
    numbers = (
        serving_view.make_numbers(serving, empty)
        if serving
        else plot_view.make_numbers(state, current.ceiling)
    )
    table = cache.configurations.table(state, feed.plan, cache.baseline)
    ranks = rank_lines(state)
    in_container = any(stage.container for stage in feed.plan.stages)
    gpus = gpu_box(
        state, in_container=in_container, full=full == "gpus", now=now, folding=folding, cache=cache.gpus
    )
    nodes: NodeRankLines | NodeRankPage | None = None
    if lines := node_ranks(state, now, ranks):
        whole = full == "ranks"
        nodes = rank_node_page(state, now, ranks, lines, folding) if whole else NodeRankLines(lines)
    return LiveView(
        header=RunHeader(
            profile=plain_text(feed.plan.profile),
            summary=plain_text(feed.plan.summary),
            run=short_id(feed.run_dir.name),
            status=state.status,
            elapsed_s=int(state.elapsed_s(now)),
            job_end=state.ended.job_end if state.ended else None,
            left=_left(feed, now, stall, cache.earlier),
            replay=not feed.live,
            reading=int(feed.loaded * 100) if reading else None,
        ),
        stages=StageLine(_stages(feed, now), numbers.tokens_per_sec, numbers.tokens_unit),
        progress=_progress(feed, now, stall),
        plot=plot,
        plot_title=serving_view.make_title(mode, plot, serving)
        if serving
        else plot_view.make_title(
            mode, plot, configuration, slow, moves=steady is not None and steady.change != 0
        ),
        numbers=numbers,
        configurations=table,
        ranks=ranks,
        rank_page=rank_page(state, now, ranks, table) if full == "ranks" and nodes is None else None,
        nodes=nodes,
        rank_title="requests in flight" if serving else rank_title(state),
        flight=serving_view.make_in_flight(serving, empty) if serving else None,
        answers=Answers(
            tuple((one_line(answer.prompt), one_line(answer.answer)) for answer in state.answers[-1:]),
            answer_source(feed.plan.engine),
        ),
        gpus=gpus,
        gpu_title=gpu_title(state, current.ceiling, len(gpus.foreign)),
        host=_host(state),
        health=assess_health(feed, stall, slow, steady, current),
        note=_note(feed, now),
        log=layout.stage_log(feed.run_dir, stage.index, stage.name) if stage else None,
        log_bytes=None if feed.live else _log_bytes(state),
        running=state.running,
        can_stop=feed.live and state.running and state.stopping is None and not feed.gone,
    )


def _plot(
    state: RunState,
    serving: ConfigurationState | None,
    mode: PlotMode,
    slow: tuple[Outlier, ...],
    cache: LiveViewCache,
    empty: str,
) -> LatencyPlot:
    """Return the plot of the present configuration.

    Args:
        state: state of the run.
        serving: the present configuration, if it has requests in flight.
        mode: kind of plot.
        slow: outliers with a known cause.
        cache: results kept from earlier views.
        empty: text of a serving configuration without iterations.
    """
    if serving is not None and serving.serving is not None:
        return serving_view.make_plot(serving, mode, empty, cache.spread(serving.serving.engine.latency))
    configuration = state.configuration
    if configuration is None:
        return plot_view.make_plot(state, mode, slow, cache.lanes)
    before = cache.baseline.find(configuration_of(configuration.start), P50) if cache.baseline else None
    return plot_view.make_plot(state, mode, slow, cache.lanes, cache.spread(configuration.latency), before)


def _log_bytes(state: RunState) -> int | None:
    """Return the size of the log of the present stage at the last reading; None: it has ended, or unknown."""
    stage, host = state.stage, state.host
    if stage is None or stage.ended is not None or not any(one.log_bytes is not None for one in state.hosts):
        return None
    return host.log_bytes or 0 if host is not None and host.t >= stage.started else 0


def _left(feed: Feed, now: int, stall: Stall | None, earlier: EarlierTimes) -> str:
    """Format the remaining time of the whole run, `~` before a guess; empty if unknown."""
    if stall is not None:
        return "unknown: stalled"
    estimate = estimate_time_left(feed.state, feed.plan, now, earlier)
    if estimate is None:
        return ""
    return f"{'~' if estimate.guessed else ''}{duration(math.ceil(estimate.seconds))}"


def _stages(feed: Feed, now: int) -> tuple[StageItem, ...]:
    items = [StageItem(stage.name, "planned") for stage in feed.plan.stages]
    for stage in feed.state.stages:
        end = stage.ended if stage.ended is not None else _end_or_now(feed.state, now)
        seconds = max(0, end - stage.started) // 10**9
        # The log of a lost run does not say how its last stage ended.
        cut_off = feed.state.status == "lost" and stage.status == "running"
        status: StageMark = "stopped" if cut_off else stage.status
        item = StageItem(stage.name, status, seconds, stage.exit_code, plain_text(stage.note))
        items[stage.index : stage.index + 1] = [item]
    return tuple(items)


def _end_or_now(state: RunState, now: int) -> int:
    return state.ended.t if state.ended is not None else max(now, state.last_t)


# --- the present configuration -----------------------------------------------------------------------------


def _progress(feed: Feed, now: int, stall: Stall | None) -> ProgressView:
    state = feed.state
    configuration = state.configuration
    if configuration is None:
        return ProgressView("waiting", _waiting_text(feed))
    start, n = configuration.start, configuration.latency.n
    if configuration.serving is not None:
        return serving_view.make_progress(
            configuration,
            _end_or_now(state, now),
            number=len(state.configurations),
            total=max(len(feed.plan.configurations), len(state.configurations)),
            what=f"{batching_label(start)}  in {start.input_len}  out {start.output_len}",
            ended=not state.running,
        )
    left = configuration.remaining_s(now) if state.running and stall is None else None
    percent = start.gpu_weights_percent
    return ProgressView(
        phase=_phase(configuration),
        what=f"{batching_label(start)}  in {start.input_len}  out {start.output_len}"
        + (f"  weights {percent:.0%}".replace("%", " %") if percent != 1 else ""),
        number=len(state.configurations),
        total=max(len(feed.plan.configurations), len(state.configurations)),
        warmed=len(configuration.warmup),
        warm_up=start.warm_up,
        measured=n,
        num_runs=start.num_runs,
        seconds=int(configuration.elapsed_s(_end_or_now(state, now))),
        duration=int(start.duration),
        ended=not state.running,
        left_s=None if left is None else math.ceil(left),
        stalled=stall is not None,
        iteration=_current_iteration(configuration, now) if state.running else None,
        activity=_preparation(configuration, now) if state.running else "",
    )


def _preparation(configuration: ConfigurationState, now: int) -> str:
    """Describe what precedes the warm-up, with its time; empty: iterations run."""
    if not configuration.preparing:
        return ""
    seconds = max(0, now - configuration.start.t) / 1e9
    return f"{configuration.preparing}: {duration(seconds)}   part of no measurement"


def _current_iteration(configuration: ConfigurationState, now: int) -> CurrentIteration | None:
    """Return the iteration that is running, if iterations are long enough to watch."""
    pace, seconds = configuration.pace_ms, configuration.iteration_s(now)
    longest = seconds if pace is None else pace / 1000
    if (
        configuration.done
        or configuration.preparing
        or longest < LONG_ITERATION_S
        or configuration.remaining_s(configuration.last_t) == 0
    ):
        return None
    warming = not configuration.latency.n and len(configuration.warmup) < configuration.start.warm_up
    return CurrentIteration(
        name="warm-up" if warming else "iteration",
        number=len(configuration.warmup) + 1 if warming else configuration.latency.n + 1,
        seconds=int(seconds),
        usual_s=None if pace is None else round(pace / 1000),
    )


def _phase(configuration: ConfigurationState) -> ProgressPhase:
    if configuration.done:
        return "done"
    return "timed" if configuration.latency.n or not configuration.start.warm_up else "warm-up"


def _waiting_text(feed: Feed) -> str:
    state = feed.state
    if not state.running:
        return "no configuration was measured"
    if state.status == "queued" and state.queued is not None:
        return plain_text(waiting_text(state.queued))
    if state.status == "queued" and state.job_queued is not None:
        return plain_text(job_waiting_text(state.job_queued))
    if state.stage is None:
        return "waiting for the first stage to start"
    present = sum(1 for rank in state.ranks.values() if rank.hello is not None)
    if state.ranks and present < len(state.ranks) and state.stage.name in ("smoke", "benchmark"):
        return f"ranks are starting and loading the model: {present} of {len(state.ranks)} have reported"
    return f"stage {state.stage.name} is running{_activity(state.heartbeat)}"


def _activity(heartbeat: ev.Heartbeat | None) -> str:
    """Describe the activity of a stage that writes no output for a while."""
    if heartbeat is None:
        return ""
    processes = plural(heartbeat.processes, "process", "processes")
    written = f", {gibibytes(heartbeat.output_bytes)} GiB written" if heartbeat.output_bytes else ""
    load = f"{processes} at {heartbeat.cpu_percent:.0f} % CPU"
    return f"; no output for {duration(heartbeat.silent_s)}, {load}{written}"


# --- host ----------------------------------------------------------------------------------------


def _host(state: RunState) -> HostView:
    started, host = state.started, state.host
    return HostView(
        host=plain_text(started.host) if started else "",
        cores=started.cores if started else 0,
        cpu_percent=round(host.cpu_percent) if host else None,
        memory_used=host.memory_used if host else 0,
        memory_total=host.memory_total if host else 0,
        load=host.load if host else 0.0,
        no_gpu=plain_text(state.no_gpu or ""),
        nodes=len(state.nodes),
        reporting=sum(1 for node in state.nodes.values() if node.condition in ("joined", "ended")),
        busiest=busiest_node(state),
    )


def _note(feed: Feed, now: int) -> str:
    state = feed.state
    if not feed.live or not state.running or not state.last_t:
        return ""
    silent = (now - state.last_t) // 10**9
    note = f"last event {duration(silent)} ago" if silent > SILENT_S else ""
    why = mirror_problem(feed.run_dir) if note and is_mirror(feed.run_dir) else ""
    return f"{note}; {plain_text(why)}" if why else note
