"""The nodes of a run that uses several machines, folded from their events.

A run of one machine has no nodes. Ranks belong to the node whose name they report as their host.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from runner import events as ev
from runner.state.gpu import TelemetryState, TimedConfiguration
from runner.state.stages import RankState

NodeCondition = Literal["not joined", "joined", "silent", "lost", "ended"]
UNREACHABLE: tuple[NodeCondition, ...] = ("silent", "lost")
HOSTS_KEPT = 600
"""ten minutes of readings of a machine"""


def host_readings() -> deque[ev.Host]:
    """Return an empty list of readings of a machine, which keeps the newest."""
    return deque(maxlen=HOSTS_KEPT)


class NodeState(msgspec.Struct):
    """One machine of a run."""

    name: str
    first: bool = False
    """the node of the supervisor"""
    telemetry: TelemetryState = msgspec.field(default_factory=TelemetryState)
    hosts: deque[ev.Host] = msgspec.field(default_factory=host_readings)
    """the last readings of the machine, oldest first"""
    joined: ev.NodeJoined | None = None
    """None: its node agent has not started, or the run has none"""
    clock: ev.NodeClock | None = None
    status: ev.NodeStatus | None = None
    """the last change of the connection to its agent"""
    no_gpu: str | None = None
    """why it has no GPU readings"""

    @property
    def host(self) -> ev.Host | None:
        return self.hosts[-1] if self.hosts else None

    @property
    def condition(self) -> NodeCondition:
        """How it is connected."""
        if self.status is not None and self.status.status != "back":
            return self.status.status
        return "joined" if self.joined is not None or self.first else "not joined"

    @property
    def unreachable(self) -> bool:
        """Whether its readings are old."""
        return self.condition in UNREACHABLE

    def silent_s(self, now: int) -> float | None:
        """Return seconds since its last message at `now` (CLOCK_MONOTONIC, ns); None: it is not silent."""
        if self.status is None or not self.unreachable:
            return None
        return self.status.silent_s + max(0, now - self.status.t) / 1e9

    @property
    def silent_since(self) -> int | None:
        """When its last message arrived (CLOCK_MONOTONIC, ns); None: it is not silent."""
        if self.status is None or not self.unreachable:
            return None
        return self.status.t - round(self.status.silent_s * 1e9)

    def take(self, event: ev.NodeReading, configurations: Sequence[TimedConfiguration]) -> None:
        """Apply a reading of this node."""
        if isinstance(event, ev.GpuSamples):
            self.telemetry.take_samples((event,), configurations)
        elif isinstance(event, ev.Host):
            self.hosts.append(event)
        elif isinstance(event, ev.NoGpu):
            self.no_gpu = event.reason
        else:
            TELEMETRY_HANDLERS[type(event)](self.telemetry, event)


TELEMETRY_HANDLERS: dict[type[Any], Callable[[TelemetryState, Any], None]] = {
    ev.GpuInventory: TelemetryState.take_inventory,
    ev.GpuEnergy: TelemetryState.take_energy,
    ev.GpuHealth: TelemetryState.take_health,
    ev.GpuSource: TelemetryState.take_source,
    ev.GpuReason: TelemetryState.take_reason,
    ev.GpuProblem: TelemetryState.take_problem,
    ev.GpuProcesses: TelemetryState.take_processes,
    ev.GpuProcessTable: TelemetryState.take_process_table,
    ev.GpuMapping: TelemetryState.take_mapping,
    ev.Telemetry: TelemetryState.take_status,
    ev.TelemetryCost: TelemetryState.take_cost,
}
"""Events about GPUs, except samples, and how the telemetry of a node takes them."""


@lru_cache(maxsize=4096)
def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts `node2` before `node10`."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))


def is_elsewhere(nodes: Mapping[str, NodeState], host: str) -> bool:
    """Check whether a host is a node other than the first: its records have times of another clock."""
    return host in nodes and not nodes[host].first


def on_first_clock(nodes: Mapping[str, NodeState], host: str, t: int) -> int:
    """Return a time of a host on the clock of the first node (CLOCK_MONOTONIC, ns), by its last offset."""
    clock = nodes[host].clock if is_elsewhere(nodes, host) else None
    return max(0, t - clock.offset_ns) if clock is not None else t


def in_order(nodes: Mapping[str, NodeState]) -> list[NodeState]:
    """Return the nodes of a run: the first node, then the others by name."""
    return sorted(nodes.values(), key=lambda node: (not node.first, natural_key(node.name)))


class SlowestRank(NamedTuple):
    rank: int
    slower: float
    """its mean latency divided by that of the fastest rank, minus 1"""


class SlowestNode(NamedTuple):
    node: str
    slower: float
    """mean latency of its ranks divided by that of the fastest node, minus 1"""
    mean_ms: float


def slowest_rank(ranks: Iterable[RankState]) -> SlowestRank | None:
    """Return the rank with the highest mean latency; None with fewer than two ranks that have measured."""
    timed = {rank.rank: rank.timed.mean for rank in ranks if rank.timed.n}
    if len(timed) < 2 or min(timed.values()) <= 0:
        return None
    slowest = max(timed, key=timed.__getitem__)
    return SlowestRank(slowest, timed[slowest] / min(timed.values()) - 1)


def slowest_node(ranks: Iterable[RankState]) -> SlowestNode | None:
    """Return the node whose ranks have the highest mean latency; None with fewer than two such nodes."""
    timed: dict[str, list[float]] = {}
    for rank in ranks:
        if rank.hello is not None and rank.timed.n:
            timed.setdefault(rank.hello.host, []).append(rank.timed.mean)
    means = {node: sum(values) / len(values) for node, values in timed.items()}
    if len(means) < 2 or min(means.values()) <= 0:
        return None
    slowest = max(means, key=means.__getitem__)
    return SlowestNode(slowest, means[slowest] / min(means.values()) - 1, means[slowest])
