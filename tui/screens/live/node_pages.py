"""The GPUs or the ranks of several nodes on the whole screen: a heading a node, which unfolds."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, cut, dim, row
from tui.screens.live.gpu_panel import draw_gpus
from tui.screens.live.node_rows import (
    NodeGpus,
    NodeRanks,
    node_gpu_heading,
    node_gpu_row,
    node_rank_heading,
    node_rank_row,
)
from tui.screens.live.process_rows import ProcessLine, draw_processes
from tui.screens.live.rank_page import RankDetail, draw_rank_table

INDENT = "    "


class Folding(msgspec.Struct, frozen=True):
    """The node under the cursor, and the names of those whose GPUs or ranks are listed."""

    cursor: int = 0
    unfolded: frozenset[str] = frozenset()

    def moved(self, by: int, nodes: int) -> Folding:
        """Return the cursor `by` nodes further, on the first or the last of `nodes` at the end."""
        return Folding(max(0, min(self.cursor + by, nodes - 1)), self.unfolded)

    def with_node(self, name: str, *, unfold: bool) -> Folding:
        """Return this with a node unfolded or folded."""
        others = self.unfolded - {name}
        return Folding(self.cursor, others | {name} if unfold else others)


FOLDED = Folding()
"""all nodes are folded"""


class NodePage(msgspec.Struct, frozen=True):
    """The GPUs of several nodes."""

    versions: str
    nodes: tuple[NodeGpus, ...]
    folding: Folding
    processes: tuple[ProcessLine, ...] = ()
    no_processes: str = ""


class NodeRankPage(msgspec.Struct, frozen=True):
    """The ranks of several nodes."""

    nodes: tuple[NodeRanks, ...]
    folding: Folding
    details: dict[str, tuple[RankDetail, ...]] = {}
    """of the unfolded nodes"""
    summary: str = ""


def draw_gpu_nodes(page: NodePage, width: int) -> list[Row]:
    """Draw the page; rows that do not fit are for scrolling."""
    drawn = [cut(row(dim(page.versions)), width), node_gpu_heading(page.nodes, width, "  ")]
    for node in page.nodes:
        drawn.append(node_gpu_row(node, page.nodes, width, _mark(page.folding, node.node.name)))
        if node.node.name in page.folding.unfolded and node.lines:
            drawn += [(dim(INDENT), *line) for line in draw_gpus(node.lines, width - len(INDENT), 0)]
    below = draw_processes(page.processes, width) if page.processes else [row(dim(page.no_processes))]
    return [*drawn, (), *below]


def draw_rank_nodes(page: NodeRankPage, width: int) -> list[Row]:
    """Draw the page; rows that do not fit are for scrolling."""
    drawn = [cut(row(dim(page.summary)), width), node_rank_heading(page.nodes, width, "  ")]
    for node in page.nodes:
        drawn.append(node_rank_row(node, page.nodes, width, _mark(page.folding, node.node.name)))
        details = page.details.get(node.node.name, ())
        if details:
            table = draw_rank_table(details, width - len(INDENT))
            drawn += [(dim(INDENT), *line) for line in table]
    return drawn


def block_of(page: NodePage | NodeRankPage, number: int) -> tuple[int, int]:
    """Return the row of the heading of a node, and the last row of what it lists."""
    at = 2
    nodes: tuple[NodeGpus | NodeRanks, ...] = page.nodes
    for index, node in enumerate(nodes):
        name = node.node.name
        if isinstance(node, NodeGpus):
            listed = len(node.lines) if name in page.folding.unfolded else 0
        else:
            listed = len(page.details.get(name, ())) if isinstance(page, NodeRankPage) else 0
        rows = 1 + (1 + listed if listed else 0)
        if index == number:
            return at, at + rows - 1
        at += rows
    return at, at


def _mark(folding: Folding, name: str) -> str:
    return "▾ " if name in folding.unfolded else "▸ "
