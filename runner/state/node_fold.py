"""How the events of nodes change the state of a run."""

from __future__ import annotations

from collections.abc import Reversible, Sequence
from typing import TYPE_CHECKING

from runner import events as ev
from runner.state.nodes import NodeState
from runner.state.outliers import outlier_fence

if TYPE_CHECKING:
    from runner.state.configuration import ConfigurationState
    from runner.state.gpu import TelemetryState
    from runner.state.run import RunState
    from runner.state.slowest import SlowestIterations

SETTLED = 2
"""Readings and records are taken for so many of the last configurations: those of nodes arrive late."""


def joined(state: RunState, event: ev.NodeJoined) -> None:
    _node(state, event.node, first=event.first).joined = event
    for rank in state.ranks.values():
        if rank.hello is not None:
            rank_reported(state, rank.hello.host)


def clock(state: RunState, event: ev.NodeClock) -> None:
    _node(state, event.node).clock = event


def status(state: RunState, event: ev.NodeStatus) -> None:
    _node(state, event.node).status = event


def reading(state: RunState, event: ev.FromNode) -> None:
    node, read = _node(state, event.node), event.event
    node.take(read, state.configurations)
    if isinstance(read, ev.Host):
        load_was_read(state, node.name, read)
    elif not isinstance(read, ev.GpuSamples):
        return
    attach_readings(state, node.name, node.hosts, node.telemetry)


def load_was_read(state: RunState, node: str, host: ev.Host) -> None:
    """Add a reading of a node to its mean load while a configuration is measured."""
    configuration = state.configuration
    if configuration is not None and configuration.timing_began is not None and not configuration.done:
        configuration.slowest.load_of(node).add(host)


def awaits_readings(state: RunState, node: str) -> bool:
    """Check whether there is a slow iteration that the readings of a node have not covered yet."""
    return any(not one.slowest.covered_by(node) for one in state.configurations[-SETTLED:])


def attach_readings(
    state: RunState, node: str, hosts: Reversible[ev.Host], telemetry: TelemetryState
) -> None:
    """Attach the readings of a node to the slow iterations that they cover."""
    for configuration in state.configurations[-SETTLED:]:
        slowest = configuration.slowest
        if not slowest.covered_by(node):  # asked for each reading of each node
            slowest.attach(node, hosts, telemetry, nodes=max(1, len(state.nodes)))


def settle_outliers(configurations: Sequence[ConfigurationState]) -> None:
    """Before a new configuration: keep the readings of outliers only, where no further ones are attached."""
    if len(configurations) >= SETTLED:
        settled = configurations[-SETTLED]
        settled.slowest.settle(outlier_fence(settled.latency))


def slowest_by_place(
    configurations: Sequence[ConfigurationState],
) -> dict[tuple[int, int], SlowestIterations]:
    """Return the slow iterations by stage and number of the configuration, where further ones are taken."""
    last = configurations[-SETTLED:]
    return {(one.start.stage, one.start.index): one.slowest for one in last}


def rank_reported(state: RunState, host: str) -> None:
    """Add the node of a rank of a run with nodes.

    Without them another host name is that of a container, or of a machine that has no node agent.
    """
    if host and state.nodes:
        _node(state, host)


def _node(state: RunState, name: str, *, first: bool = False) -> NodeState:
    """Return a node, which is new with its first event; the first node shares the readings of the run."""
    node = state.nodes.get(name)
    if node is not None:
        return node
    here = state.started.host if state.started is not None else ""
    if first or name == here:
        node = NodeState(name, True, state.telemetry, state.hosts, no_gpu=state.no_gpu)
    else:
        node = NodeState(name)
        if state.stages:
            node.telemetry.stage_started()
        if here and not state.nodes:
            _node(state, here)
    node.telemetry.name_node(name)
    state.nodes[name] = node
    return node
