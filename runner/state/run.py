"""The current state of a run: the fold over its events that all readers share.

`RunState.apply` takes events in the order of the log. Memory is bounded for any length of log: statistics
are exact (percentiles up to `stats.EXACT_LIMIT` values), series are decimated to minimum and maximum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal

import msgspec

from runner import events as ev
from runner.events import gc_paused
from runner.plan.plan import MOST_CONFIGURATIONS, in_flight
from runner.state import iterations, node_fold, result_matching
from runner.state import nodes as node_states
from runner.state.configuration import ConfigurationState, matches_result, of_result
from runner.state.gpu import GpuState, TelemetryState
from runner.state.iterations import rank_of
from runner.state.memory import MemoryState
from runner.state.nodes import NodeState, SlowestNode, SlowestRank
from runner.state.serving import RequestLog, ServingState
from runner.state.stages import RankState, StageState
from runner.state.step_times import StepTimesState

LiveStatus = Literal["starting", "queued", "running", "stopping", "finished", "failed", "stopped", "lost"]
ENDED_STATUSES: frozenset[LiveStatus] = frozenset({"finished", "failed", "stopped", "lost"})
MAX_NOTICES = 200
_TIME = attrgetter("t")

Handler = Callable[["RunState", Sequence[Any]], None]
"""Applies events of one kind that follow one another in the log"""


class RunState(msgspec.Struct):
    """Everything that screens and reports show of a run."""

    started: ev.RunStarted | None = None
    status: LiveStatus = "starting"
    ended: ev.RunEnded | None = None
    queued: ev.Queued | None = None
    job_queued: ev.JobQueued | None = None
    """the place of its job in the queue of Slurm, as last seen; None: it did not wait there"""
    job: ev.JobStarted | None = None
    """the job of Slurm that it runs in; None: it is none, or waits"""
    stages: list[StageState] = msgspec.field(default_factory=list)
    ranks: dict[int, RankState] = msgspec.field(default_factory=dict)
    configurations: list[ConfigurationState] = msgspec.field(default_factory=list)
    """the first `MOST_CONFIGURATIONS`"""
    left_out: int = 0
    """further configurations, and results without one; their measurements are in no configuration"""
    awaiting: list[ConfigurationState] = msgspec.field(default_factory=list)
    """the configurations without a result"""
    results: int = 0
    """number of results that the engine printed"""
    hosts: deque[ev.Host] = msgspec.field(default_factory=node_states.host_readings)
    """the last readings of the machine, of several the first node, oldest first"""
    heartbeat: ev.Heartbeat | None = None
    """the last heartbeat of a silent stage; None while it writes output"""
    no_gpu: str | None = None
    memory: MemoryState = msgspec.field(default_factory=MemoryState)
    telemetry: TelemetryState = msgspec.field(default_factory=TelemetryState)
    """the GPUs of the machine, of several the first node, and the state of reading them"""
    nodes: dict[str, NodeState] = msgspec.field(default_factory=dict)
    """the machines of a run that uses several, by name; empty: it uses one"""
    answers: list[ev.Answer] = msgspec.field(default_factory=list)
    notices: list[ev.Notice] = msgspec.field(default_factory=list)
    failure: ev.Failure | None = None
    stopping: ev.Stopping | None = None
    lost_events: int = 0
    last_t: int = 0
    events: int = 0

    def apply(self, event: ev.AnyEvent) -> None:
        """Apply one event."""
        self.apply_all((event,))

    def apply_all(self, batch: Sequence[ev.AnyEvent]) -> None:
        """Apply events; those of one kind that follow one another at once, because a log has millions."""
        with gc_paused():
            for kind, events in groupby(batch, type):
                take = _HANDLERS.get(kind)
                if take is not None:
                    take(self, list(events))
        self.events += len(batch)
        self.last_t = max(self.last_t, max(map(_TIME, batch), default=0))

    @property
    def running(self) -> bool:
        return self.status not in ENDED_STATUSES

    @property
    def host(self) -> ev.Host | None:
        return self.hosts[-1] if self.hosts else None

    @property
    def gpus(self) -> dict[str, GpuState]:
        """The GPUs of the machine, of several the first node, that telemetry has read, by UUID."""
        return self.telemetry.gpus

    @property
    def telemetries(self) -> list[TelemetryState]:
        """The GPUs of each node, the first node first."""
        return [node.telemetry for node in node_states.in_order(self.nodes)] or [self.telemetry]

    @property
    def all_gpus(self) -> list[GpuState]:
        """The GPUs of all nodes that telemetry has read."""
        return [gpu for telemetry in self.telemetries for gpu in telemetry.gpus.values()]

    def telemetry_of(self, gpu: GpuState) -> TelemetryState:
        """Return the telemetry of the node that has a GPU."""
        return self.nodes[gpu.node].telemetry if gpu.node in self.nodes else self.telemetry

    def node_of(self, rank: int) -> NodeState | None:
        """Return the node of a rank; None: a run of one machine, or a rank that has not reported itself."""
        found = self.ranks.get(rank)
        return self.nodes.get(found.hello.host) if found is not None and found.hello is not None else None

    @property
    def stage(self) -> StageState | None:
        """The current or last stage."""
        return self.stages[-1] if self.stages else None

    @property
    def configuration(self) -> ConfigurationState | None:
        """The current or last configuration."""
        return self.configurations[-1] if self.configurations else None

    @property
    def world(self) -> int:
        """The number of ranks that measured: from the stages, or from the text of an imported result."""
        started = [stage.ranks for stage in self.stages]
        return max(
            started or [result_matching.result_ranks(one.result or {}) for one in self.configurations],
            default=1,
        )

    def elapsed_s(self, now: int) -> float:
        """Return seconds since the run started; `now` is CLOCK_MONOTONIC in ns, unused once the run ended."""
        if self.started is None:
            return 0.0
        end = self.ended.t if self.ended is not None else max(now, self.last_t)
        return max(0, end - self.started.t) / 1e9

    @property
    def skew(self) -> SlowestRank | None:
        """The slowest rank; None with fewer than two ranks that have measured."""
        return node_states.slowest_rank(self.ranks.values())

    @property
    def node_skew(self) -> SlowestNode | None:
        """The slowest node; None with fewer than two nodes whose ranks have measured."""
        return node_states.slowest_node(self.ranks.values()) if self.nodes else None


def _run_started(state: RunState, event: ev.RunStarted) -> None:
    state.started = event
    state.status = "running"


def _queued(state: RunState, event: ev.Queued) -> None:
    state.queued = event
    state.status = "queued"


def _job_queued(state: RunState, event: ev.JobQueued) -> None:
    state.job_queued = event
    if state.status in ("starting", "running"):
        state.status = "queued"


def _job_started(state: RunState, event: ev.JobStarted) -> None:
    state.job = event
    if state.status == "queued":
        state.status = "running"


def _stage_started(state: RunState, event: ev.StageStarted) -> None:
    state.stages.append(StageState(event.stage, event.name, event.t, event.ranks, event.pid))
    state.ranks = {rank: RankState(rank) for rank in range(event.ranks)}
    for telemetry in state.telemetries:
        telemetry.stage_started()
    if state.status == "queued":
        state.status = "running"


def _stage_ended(state: RunState, event: ev.StageEnded) -> None:
    if not state.stages or state.stages[-1].index != event.stage:
        state.stages.append(StageState(event.stage, event.name, event.t, 0, 0))
    stage = state.stages[-1]
    stage.ended, stage.status, stage.exit_code = event.t, event.status, event.exit_code
    stage.note = event.note
    state.heartbeat = None


def _hello(state: RunState, event: ev.Hello) -> None:
    rank = rank_of(state, event.rank)
    rank.hello = event
    rank.records += 1
    node_fold.rank_reported(state, event.host)


def _bye(state: RunState, event: ev.Bye) -> None:
    rank_of(state, event.rank).bye = event


def _configuration_started(state: RunState, event: ev.ConfigurationStarted) -> None:
    if not in_flight(event):
        rank_of(state, 0).records += 1
    serving = ServingState(requests=RequestLog(slo=event.slo)) if in_flight(event) else None
    _add(state, ConfigurationState(event, serving=serving))


def _add(state: RunState, configuration: ConfigurationState) -> None:
    if len(state.configurations) == MOST_CONFIGURATIONS:
        state.left_out += 1
    else:
        node_fold.settle_outliers(state.configurations)
        state.configurations.append(configuration)
        state.awaiting += [] if configuration.done else [configuration]


def _preparation(state: RunState, event: ev.Preparation) -> None:
    state.heartbeat = None
    configuration = state.configuration
    if configuration is not None and event.rank == 0 and not state.left_out:
        configuration.preparation = event
        configuration.last_t = event.t


def _step_times(state: RunState, event: ev.StepTimes) -> None:
    configuration = state.configuration
    if configuration is None or event.rank != 0 or state.left_out:
        return
    if configuration.step_times is None:
        configuration.step_times = StepTimesState()
    configuration.step_times.take(event)


def _serving(state: RunState, event: ev.Serving | ev.RequestsDone | ev.EngineIteration | ev.Requests) -> None:
    configuration = state.configuration
    if configuration is None or configuration.serving is None or state.left_out:
        return
    state.heartbeat = None
    configuration.serving.take(event)
    if configuration.serving.phase == "timed" and configuration.timing_began is None:
        configuration.timing_began = event.t
    if isinstance(event, ev.Serving) or configuration.serving.phase == "timed":
        configuration.last_t = event.t


def _result(state: RunState, event: ev.Result) -> None:
    state.results += 1
    shape = result_matching.result_shape(event.values)
    for index, configuration in enumerate(state.awaiting):
        if matches_result(configuration, event.stage, shape):
            configuration.result = event.values
            del state.awaiting[index]
            return
    if shape is not None:
        _add(state, of_result(event, shape, len(state.configurations)))


def _answer(state: RunState, event: ev.Answer) -> None:
    if len(state.answers) < MAX_NOTICES:
        state.answers.append(event)


def _host(state: RunState, event: ev.Host) -> None:
    state.hosts.append(event)
    node_fold.load_was_read(state, state.telemetry.node, event)
    node_fold.attach_readings(state, state.telemetry.node, state.hosts, state.telemetry)


def _heartbeat(state: RunState, event: ev.Heartbeat) -> None:
    state.heartbeat = event


def _no_gpu(state: RunState, event: ev.NoGpu) -> None:
    state.no_gpu = event.reason
    for node in state.nodes.values():
        node.no_gpu = event.reason if node.first else node.no_gpu


def _gpu_samples(state: RunState, samples: Sequence[ev.GpuSamples]) -> None:
    telemetry, configurations = state.telemetry, state.configurations
    if not node_fold.awaits_readings(state, telemetry.node):
        telemetry.take_samples(samples, configurations)
        return
    for sample in samples:  # an iteration takes the readings up to the first one after its end
        telemetry.take_samples((sample,), configurations)
        node_fold.attach_readings(state, telemetry.node, state.hosts, telemetry)


def _gpu_memory(state: RunState, event: ev.GpuMemory) -> None:
    if event.rank is not None:
        rank_of(state, event.rank).records += 1
    state.memory.take(event)


def _notice(state: RunState, event: ev.Notice) -> None:
    if event.rank is not None:
        rank_of(state, event.rank).records += 1
    if len(state.notices) < MAX_NOTICES:
        state.notices.append(event)


def _failure(state: RunState, event: ev.Failure) -> None:
    if state.failure is None:
        state.failure = event


def _stopping(state: RunState, event: ev.Stopping) -> None:
    state.stopping = event
    state.status = "stopping"


def _gap(state: RunState, event: ev.Gap) -> None:
    state.lost_events += event.lost


def _run_ended(state: RunState, event: ev.RunEnded) -> None:
    state.ended = event
    state.status = event.status


def _each(take: Callable[[RunState, Any], None]) -> Handler:
    def take_all(state: RunState, events: Sequence[Any]) -> None:
        for event in events:
            take(state, event)

    return take_all


def _each_to_telemetry(take: Callable[[TelemetryState, Any], None]) -> Handler:
    return _each(lambda state, event: take(state.telemetry, event))


_EVENT_HANDLERS: dict[type[Any], Callable[[RunState, Any], None]] = {
    ev.RunStarted: _run_started,
    ev.Queued: _queued,
    ev.JobQueued: _job_queued,
    ev.JobStarted: _job_started,
    ev.StageStarted: _stage_started,
    ev.StageEnded: _stage_ended,
    ev.Hello: _hello,
    ev.Bye: _bye,
    ev.ConfigurationStarted: _configuration_started,
    ev.Preparation: _preparation,
    ev.StepTimes: _step_times,
    ev.Serving: _serving,
    ev.RequestsDone: _serving,
    ev.EngineIteration: _serving,
    ev.Requests: _serving,
    ev.Result: _result,
    ev.Answer: _answer,
    ev.Host: _host,
    ev.Heartbeat: _heartbeat,
    ev.NoGpu: _no_gpu,
    ev.GpuMemory: _gpu_memory,
    ev.NodeJoined: node_fold.joined,
    ev.NodeClock: node_fold.clock,
    ev.NodeStatus: node_fold.status,
    ev.FromNode: node_fold.reading,
    ev.Notice: _notice,
    ev.Failure: _failure,
    ev.Stopping: _stopping,
    ev.Gap: _gap,
    ev.RunEnded: _run_ended,
}

_HANDLERS: dict[type[Any], Handler] = {
    **{kind: _each(take) for kind, take in _EVENT_HANDLERS.items()},
    **{kind: _each_to_telemetry(take) for kind, take in node_states.TELEMETRY_HANDLERS.items()},
    ev.Iteration: iterations.take_all,
    ev.GpuSamples: _gpu_samples,
}
