"""Reasons to doubt the numbers of a run on several nodes."""

from __future__ import annotations

from runner.metrics.flag import Effect, Flag
from runner.state.nodes import NodeCondition, in_order
from runner.state.run import RunState

UNEVEN = 0.02
"""The slowest node is a flag if the mean latency of its ranks is above that of the fastest by this share."""
_TROUBLES: dict[NodeCondition, str] = {
    "lost": "was lost while the run was under way: its later readings are missing",
    "silent": "was silent at the end: its last readings are missing",
    "not joined": "never reported: its node agent did not start, so nothing was read of its load and GPUs",
}


def node_flags(state: RunState) -> list[Flag]:
    """Return the nodes that did not report to the end, and the slowest node if it is much slower."""
    found = []
    for condition, text in _TROUBLES.items():
        names = [node.name for node in in_order(state.nodes) if node.condition == condition]
        if names:
            nodes = f"node {names[0]}" if len(names) == 1 else f"each of {len(names)} nodes ({names[0]}, ...)"
            found.append(Flag(f"{nodes} {text}", Effect.UNREAD))
    skew = state.node_skew
    if skew is not None and skew.slower >= UNEVEN:
        rank = state.skew
        of = f"; slowest rank {rank.rank}: {100 * rank.slower:.1f} %" if rank is not None else ""
        text = (
            f"node {skew.node} is {100 * skew.slower:.1f} % slower than the fastest node"
            f" (mean latency of its ranks{of}): the others wait for it"
        )
        found.append(Flag(text, Effect.DISTORTED, skew.slower))
    return found
