"""What the live screen shows, as one immutable value made from a feed; pure, no terminal needed."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from runner import events as ev
from runner.history.run_feed import Feed
from runner.metrics.outlier_causes import outliers
from runner.metrics.stall import stalled
from runner.report.eta import eta
from runner.run import layout
from runner.state.configuration import ConfigurationState, answers_from, batching
from runner.state.run import RankState, RunState, StageState
from runner.stats.steady_state import Course, course
from runner.util.formatting import duration, plural
from tui.framework.run_header import Header, short_id
from tui.screens.live import plot as live_plot
from tui.screens.live import serving
from tui.screens.live.findings import health
from tui.screens.live.flight_panel import Flight
from tui.screens.live.gpu_panel import GpuLine
from tui.screens.live.gpu_view import gpu_lines, gpu_title
from tui.screens.live.health_line import Health
from tui.screens.live.host_line import HostView
from tui.screens.live.latency_numbers import Numbers
from tui.screens.live.latency_panel import Plot
from tui.screens.live.plot import LaneMemo, Mode
from tui.screens.live.progress_lines import Phase, Progress
from tui.screens.live.rank_panel import RankLine
from tui.screens.live.stage_strip import StageItem
from tui.screens.result.answers import Answers, one_line
from tui.text import gibibytes, plain

ALIKE = 0.0005
"""Ranks whose means differ by less than this share are not told apart."""
SILENT_S = 2
"""A run that says nothing for longer than this is said to be silent."""


class Memo:
    """What is dear to find out and does not change with every frame."""

    def __init__(self) -> None:
        self.lanes = LaneMemo()
        self.usual: dict[str, float] = {}
        """seconds that stages took in earlier runs"""
        self._course: tuple[ConfigurationState, int, Course] | None = None

    def course(self, configuration: ConfigurationState | None) -> Course | None:
        """Whether the latencies are steady; of many iterations it is asked each time 3 % more have come."""
        if configuration is None or not configuration.latency.n:
            return None
        n = configuration.latency.n
        if self._course is not None:
            known, then, found = self._course
            if known is configuration and then <= n <= then * 1.03:
                return found
        found = course(configuration.batches)
        self._course = (configuration, n, found)
        return found


class LiveView(msgspec.Struct, frozen=True):
    header: Header
    stages: tuple[StageItem, ...]
    progress: Progress
    plot: Plot
    plot_title: str
    numbers: Numbers
    ranks: tuple[RankLine, ...]
    rank_title: str
    flight: Flight | None
    """of requests batched in flight, in the place of the ranks; None: ranks report themselves"""
    answers: Answers
    """the last one of the smoke run"""
    gpus: tuple[GpuLine, ...]
    """empty: none is read"""
    gpu_title: str
    host: HostView
    health: Health
    note: str
    """for the footer: how long the run has been silent"""
    log: Path | None
    """raw output of the present stage"""
    running: bool
    can_stop: bool


def live_view(
    feed: Feed, *, reading: bool = False, mode: Mode = "time", memo: Memo | None = None
) -> LiveView:
    """The view of a run as it stands.

    Args:
        reading: there is more of an existing log to read first.
        mode: how the latencies are drawn.
        memo: what was found out for the views before this one.
    """
    state, now = feed.state, feed.now()
    configuration, stage = state.configuration, state.stage
    memo = memo or Memo()
    slow = outliers(state, len(state.configurations) - 1) if configuration else ()
    stall = stalled(state, now) if not feed.gone else None
    serves = configuration if configuration is not None and configuration.serving is not None else None
    nothing = serving.why_empty(feed, serves) if serves else ""
    return LiveView(
        header=Header(
            profile=plain(feed.plan.profile),
            summary=plain(feed.plan.summary),
            run=short_id(feed.run_dir.name),
            status=state.status,
            elapsed_s=int(state.elapsed_s(now)),
            left=_left(feed, now, memo.usual),
            replay=not feed.live,
            reading=int(feed.loaded * 100) if reading else None,
        ),
        stages=_stages(feed, now),
        progress=_progress(feed, now),
        plot=serving.plot(serves, mode, nothing) if serves else live_plot.plot(state, mode, slow, memo.lanes),
        plot_title=serving.TITLES[mode] if serves else live_plot.title(mode, slow),
        numbers=serving.numbers(serves, nothing) if serves else live_plot.numbers(state),
        ranks=_ranks(state),
        rank_title="requests in flight" if serves else _rank_title(state),
        flight=serving.flight(serves, nothing) if serves else None,
        answers=Answers(
            tuple((one_line(said.prompt), one_line(said.answer)) for said in state.answers[-1:]),
            answers_from(feed.plan.engine),
        ),
        gpus=gpu_lines(state),
        gpu_title=gpu_title(state.telemetry),
        host=_host(state),
        health=health(feed, stall, slow, memo.course(configuration)),
        note=_note(feed, now),
        log=layout.stage_log(feed.run_dir, stage.index, stage.name) if stage else None,
        running=state.running,
        can_stop=feed.live and state.running and state.stopping is None and not feed.gone,
    )


def _left(feed: Feed, now: int, usual: dict[str, float]) -> str:
    """How long the whole run will still take; empty where that cannot be told."""
    found = eta(feed.state, feed.plan, now, usual)
    if found is None:
        return ""
    return f"{'≥ ' if found.at_least else ''}{duration(math.ceil(found.seconds))}"


def _stages(feed: Feed, now: int) -> tuple[StageItem, ...]:
    items = [StageItem(stage.name, "planned") for stage in feed.plan.stages]
    for stage in feed.state.stages:
        end = stage.ended if stage.ended is not None else _now_in(feed.state, now)
        seconds = max(0, end - stage.started) // 10**9
        item = StageItem(stage.name, stage.status, seconds, stage.exit_code, plain(stage.note))
        items[stage.index : stage.index + 1] = [item]
    return tuple(items)


def _now_in(state: RunState, now: int) -> int:
    return state.ended.t if state.ended is not None else max(now, state.last_t)


# --- the present configuration -----------------------------------------------------------------------------


def _progress(feed: Feed, now: int) -> Progress:
    state = feed.state
    configuration = state.configuration
    if configuration is None:
        return Progress("waiting", _waiting_for(feed))
    start, n = configuration.start, configuration.latency.n
    if configuration.serving is not None:
        return serving.progress(
            configuration,
            _now_in(state, now),
            number=len(state.configurations),
            total=max(len(feed.plan.configurations), len(state.configurations)),
            what=f"{batching(start)}  in {start.input_len}  out {start.output_len}",
            over=not state.running,
        )
    left = configuration.remaining_s(now) if state.running else None
    percent = start.gpu_weights_percent
    return Progress(
        phase=_phase(configuration),
        what=f"{batching(start)}  in {start.input_len}  out {start.output_len}"
        + (f"  weights {percent:.0%}".replace("%", " %") if percent != 1 else ""),
        number=len(state.configurations),
        total=max(len(feed.plan.configurations), len(state.configurations)),
        warmed=len(configuration.warmup),
        warm_up=start.warm_up,
        measured=n,
        num_runs=start.num_runs,
        seconds=int(configuration.elapsed_s(_now_in(state, now))),
        duration=int(start.duration),
        over=not state.running,
        left_s=None if left is None else math.ceil(left),
    )


def _phase(configuration: ConfigurationState) -> Phase:
    if configuration.done:
        return "done"
    return "timed" if configuration.latency.n or not configuration.start.warm_up else "warm-up"


def _waiting_for(feed: Feed) -> str:
    state = feed.state
    if not state.running:
        return "no configuration was measured"
    if state.status == "queued" and state.queued is not None:
        return f"waits for {plain(state.queued.device)}, which run {plain(state.queued.holder)} holds"
    if state.stage is None:
        return "waiting for the first stage to start"
    present = sum(1 for rank in state.ranks.values() if rank.hello is not None)
    if state.ranks and present < len(state.ranks) and state.stage.name in ("smoke", "benchmark"):
        return f"the ranks start and load the model: {present} of {len(state.ranks)} have reported"
    return f"stage {state.stage.name} is under way{_life(state.heartbeat)}"


def _life(heartbeat: ev.Heartbeat | None) -> str:
    """Of a stage that has said nothing for a while: that it works all the same."""
    if heartbeat is None:
        return ""
    written = heartbeat.output_bytes
    return (
        f"; silent for {duration(heartbeat.silent_s)}, {plural(heartbeat.processes, 'process', 'processes')} "
        f"at {heartbeat.cpu_percent:.0f} % CPU" + (f", {gibibytes(written)} GiB written" if written else "")
    )


# --- ranks and host ----------------------------------------------------------------------------------------


def _ranks(state: RunState) -> tuple[RankLine, ...]:
    skew = state.skew
    lines = []
    for _, rank in sorted(state.ranks.items()):
        timed = rank.timed
        slower = skew[1] if skew is not None and rank.rank == skew[0] and skew[1] >= ALIKE else None
        lines.append(
            RankLine(
                rank=rank.rank,
                state=_rank_word(rank, state.stage),
                last_ms=timed.last if timed.n else None,
                mean_ms=timed.mean if timed.n else None,
                i=rank.i + 1 if rank.i >= 0 else None,
                slower=slower,
                broken=rank.bye is not None and not rank.complete,
            )
        )
    return tuple(lines)


def _rank_title(state: RunState) -> str:
    """Which rank the others wait for, and by how much it is slower than the fastest."""
    skew = state.skew
    if skew is None:
        return "ranks"
    slowest, slower = skew
    return f"ranks · slowest {slowest}: +{100 * slower:.1f} %" if slower >= ALIKE else "ranks · all alike"


def _rank_word(rank: RankState, stage: StageState | None) -> str:
    if rank.bye is not None:
        return "done" if rank.complete else "gaps"
    if stage is not None and stage.ended is not None:
        return "ended"
    if rank.hello is None:
        return "waiting"
    if rank.config < 0:
        return "ready"
    return {"warmup": "warm-up", "timed": "timing", "profile": "profiling"}[rank.phase]


def _host(state: RunState) -> HostView:
    started, host = state.started, state.host
    return HostView(
        host=plain(started.host) if started else "",
        cores=started.cores if started else 0,
        cpu_percent=round(host.cpu_percent) if host else None,
        memory_used=host.memory_used if host else 0,
        memory_total=host.memory_total if host else 0,
        load=host.load if host else 0.0,
        no_gpu=plain(state.no_gpu or ""),
    )


def _note(feed: Feed, now: int) -> str:
    state = feed.state
    if not feed.live or not state.running or not state.last_t:
        return ""
    silent = (now - state.last_t) // 10**9
    return f"last event {duration(silent)} ago" if silent > SILENT_S else ""
