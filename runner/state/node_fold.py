"""How the events of nodes change the state of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner import events as ev
from runner.state.nodes import NodeState

if TYPE_CHECKING:
    from runner.state.run import RunState


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
    _node(state, event.node).take(event.event, state.configurations)


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
