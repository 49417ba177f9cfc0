"""Which ranks are on which node: what mpirun does with `map_by` and the slots of the hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.engines.mpi.hosts import Node, find_nodes
from runner.schema.base import Mpirun
from runner.util.errors import UserError
from runner.util.formatting import plural

_PER_NODE = re.compile(r"ppr:([1-9][0-9]{0,5}):node")


def ranks_of_nodes(section: Mpirun, nodes: Sequence[Node], ranks: int) -> list[list[int]]:
    """Return the numbers of the ranks on each node; empty: only mpirun knows.

    Raises:
        UserError: the ranks do not fit into the slots.
    """
    if may_exceed_slots(section):
        return []
    total = sum(node.slots for node in nodes)
    if ranks > total:
        raise UserError(
            f"launch.mpirun: {plural(ranks, 'rank')} do not fit on the hosts, which have"
            f" {plural(total, 'slot')}: {', '.join(f'{node.host}:{node.slots}' for node in nodes)}",
            hint="raise their slots, add hosts, or lower the number of ranks",
        )
    counts = _counts(section.map_by or "slot", nodes, ranks)
    order = section.rank_by or ("node" if section.map_by == "node" else "slot")
    if counts and order == "slot":
        ends = [sum(counts[: index + 1]) for index in range(len(counts))]
        return [list(range(end - count, end)) for count, end in zip(counts, ends, strict=True)]
    return _in_turn(counts) if order == "node" else []


def per_node(map_by: str | None) -> int | None:
    """Return N of `ppr:N:node`; None for any other mapping."""
    found = _PER_NODE.fullmatch(map_by or "")
    return int(found[1]) if found else None


def may_exceed_slots(section: Mpirun) -> bool:
    """Check whether the arguments of mpirun allow more ranks than slots."""
    words = [*section.args, section.map_by or ""]
    return any("oversubscribe" in word.lower() and "no" not in word.lower() for word in words)


def ranks_here(section: Mpirun, ranks: int) -> int:
    """Return how many ranks run on this machine, at most; all of them if the hosts cannot be used."""
    try:
        nodes = find_nodes(section, ranks)
        if not nodes:
            return ranks
        placed = ranks_of_nodes(section, nodes, ranks)
    except UserError:
        return ranks
    return len(placed[0]) if placed else min(ranks, nodes[0].slots)


def _counts(map_by: str, nodes: Sequence[Node], ranks: int) -> list[int]:
    """Return the number of ranks on each node; empty: only mpirun knows."""
    if map_by == "slot":
        return _filled([node.slots for node in nodes], ranks)
    if map_by == "node":
        whole, more = divmod(ranks, len(nodes))
        counts = [whole + (index < more) for index in range(len(nodes))]
    elif (most := per_node(map_by)) is not None:
        if most * len(nodes) < ranks:
            raise UserError(
                f"launch.mpirun.map_by: {map_by} starts at most {most * len(nodes)} ranks on"
                f" {plural(len(nodes), 'host')}, and {ranks} are needed",
                hint=f"ppr:{-(-ranks // len(nodes))}:node, or more hosts",
            )
        counts = _filled([most] * len(nodes), ranks)
    else:
        return []
    for node, count in zip(nodes, counts, strict=True):
        if count > node.slots:
            raise UserError(
                f"launch.mpirun.map_by: {map_by} puts {plural(count, 'rank')} on {node.host}, which has"
                f" {plural(node.slots, 'slot')}",
                hint=f"raise the slots of {node.host}, or remove map_by to fill host after host",
            )
    return counts


def _filled(most: list[int], ranks: int) -> list[int]:
    """Return the ranks on each node when each is filled before the next one."""
    counts = []
    for slots in most:
        counts.append(min(slots, ranks))
        ranks -= counts[-1]
    return counts


def _in_turn(counts: list[int]) -> list[list[int]]:
    """Return the numbers of ranks when the nodes with room get one each in turn."""
    placed: list[list[int]] = [[] for _ in counts]
    for number in range(sum(counts)):
        room = [index for index, ranks in enumerate(placed) if len(ranks) < counts[index]]
        placed[min(room, key=lambda index: len(placed[index]))].append(number)
    return placed
