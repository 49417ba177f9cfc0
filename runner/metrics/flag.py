"""A flag: a sentence that doubts a number, with its effect, and flags of several GPUs as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

from runner.util.formatting import ranges
from runner.util.host_names import fold_hosts

if TYPE_CHECKING:
    from typing_extensions import Self

    from runner.state.gpu import GpuState

MOST_NODES = 3
"""nodes whose GPUs a flag names"""
WIDEST_LIST = 40
"""characters of a list of nodes; a longer one is replaced by their number"""


class Effect(IntEnum):
    """What a flag means for the numbers, the least first."""

    NOTE = 0
    """worth knowing"""
    UNREAD = 1
    """a reading is missing"""
    UNCERTAIN = 2
    """the number is right, but its precision is not what it seems"""
    DISTORTED = 3
    """the number includes something else: a wait, a throttled GPU, a drift"""
    WRONG = 4
    """the number is not what its name says"""


class Flag(str):
    """The text of a flag. `effect` sorts flags: an `Effect` plus the share by which it changes the number."""

    effect: float

    def __new__(cls, text: str, effect: Effect = Effect.NOTE, share: float = 0.0) -> Self:
        """Return a flag; `share` (0.57 is 57 %) orders the flags of equal effect."""
        flag = super().__new__(cls, text)
        flag.effect = effect + min(abs(share), 0.99)
        return flag


def effect_of(flag: str) -> float:
    """Return the effect of a flag; a plain sentence is a note."""
    return flag.effect if isinstance(flag, Flag) else float(Effect.NOTE)


def by_effect(flags: Iterable[str]) -> list[str]:
    """Return flags with the largest effect first; equal ones keep their order."""
    return sorted(flags, key=effect_of, reverse=True)


class GpuFinding(msgspec.Struct, frozen=True):
    """A finding about one GPU."""

    gpu: int
    """its index in NVML"""
    kind: str
    """findings of one kind become one flag"""
    text: str
    """without the name of the GPU"""
    effect: Effect
    share: float = 0.0
    node: str = ""
    """name of the machine; empty: the run uses one"""

    @classmethod
    def of(cls, gpu: GpuState, kind: str, text: str, effect: Effect, share: float = 0.0) -> Self:
        """Return a finding about a GPU of any node."""
        return cls(gpu.identity.index, kind, text, effect, share, gpu.node)


def group_gpus(findings: Iterable[GpuFinding]) -> list[Flag]:
    """Return one flag for each kind: `GPUs 0-7: slowed down 5.0 % of the time (GPU 3, the worst)`."""
    kinds: dict[str, list[GpuFinding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    return [_grouped(found) for found in kinds.values()]


def _grouped(found: list[GpuFinding]) -> Flag:
    worst = max(found, key=lambda finding: (finding.effect, finding.share))
    several = len({finding.text for finding in found}) > 1
    where = f" of {worst.node}" if worst.node else ""
    which = f" (GPU {worst.gpu}{where}, the worst)" if several else ""
    names = name_gpus((finding.node, finding.gpu) for finding in found)
    return Flag(f"{names}: {worst.text}{which}", worst.effect, worst.share)


def name_gpus(gpus: Iterable[tuple[str, int]]) -> str:
    """Return `GPUs 0-7`; with nodes `GPU 3 of node1, GPUs 0-7 of node2`, and of many nodes their number.

    Args:
        gpus: name of the node (empty: the run uses one) and index of each.
    """
    nodes: dict[str, set[int]] = {}
    for node, gpu in gpus:
        nodes.setdefault(node, set()).add(gpu)
    if len(nodes) > MOST_NODES:
        return f"{sum(map(len, nodes.values()))} GPUs of {len(nodes)} nodes"
    return ", ".join(
        f"GPU{'s' if len(found) > 1 else ''} {ranges(sorted(found))}{f' of {node}' if node else ''}"
        for node, found in nodes.items()
    )


class NodeFinding(msgspec.Struct, frozen=True):
    """A finding about one node, of a kind that others may have, too."""

    node: str
    """its name; empty: the run uses one machine"""
    text: str
    """without the name of the node"""
    share: float = 0.0
    """orders the findings of a kind"""


def join_nodes(found: Sequence[NodeFinding]) -> NodeFinding:
    """Return the findings of one kind as one: `node[2-4]: CPU overloaded ... (node3, the worst)`."""
    worst = max(found, key=lambda one: one.share)
    if not worst.node:
        return worst
    names = list(dict.fromkeys(one.node for one in found))
    listed = fold_hosts(names)
    if len(listed) > WIDEST_LIST:
        listed = f"{len(names)} nodes"
    several = len({one.text for one in found}) > 1
    which = f" ({worst.node}, the worst)" if several else ""
    return NodeFinding(listed, f"{listed}: {worst.text}{which}", worst.share)
