"""One line a node: its GPUs, or its ranks. Values of a node that is silent are dimmed and have their age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from runner.events.throttle_reasons import HARMLESS
from runner.util.formatting import plural
from tui.framework.rows import Row, Span, cut, dim, row, row_width
from tui.screens.live.gpu_panel import UNKNOWN, GpuLine, throttle_span
from tui.text import align_right, fit, format_measurement, gibibytes, width_of

LEVELS = "▁▂▃▄▅▆▇█"
MOST_LEVELS = 16
"""GPUs of a node that have a level each; of more, each level is the least busy of several"""
MIN_SKEW_SHOWN = 0.01
"""Ranks and nodes whose means differ by less than this share count as balanced."""


SLOWER = 8
"""cells of the column that says how much slower a node is"""


class NodeState(msgspec.Struct, frozen=True):
    """How a node is connected, as text."""

    name: str
    trouble: str = ""
    """`silent 0:15`, `not joined`, ...; empty: it reports"""
    bad: bool = False
    """it is lost, or has not joined"""

    @property
    def style(self) -> str:
        return "bad" if self.bad else "warn"


class NodeGpus(msgspec.Struct, frozen=True):
    """The GPUs of a node."""

    node: NodeState
    ranks: str = ""
    """`8-15`; empty: none"""
    lines: tuple[GpuLine, ...] = ()
    why_none: str = ""
    """why no GPU of it is read"""
    slower: float | None = None
    """mean latency of its ranks divided by that of the fastest node, minus 1; None: it is not the slowest"""


class NodeRanks(msgspec.Struct, frozen=True):
    """The ranks of a node; None: not known."""

    node: NodeState
    ranks: str = ""
    count: int = 0
    states: str = ""
    """`timing`, or `6 timing, 2 done`"""
    broken: bool = False
    """a rank has crashed, or records of it are missing"""
    i: tuple[int, int] | None = None
    """fewest and most iterations done in this phase"""
    mean_ms: float | None = None
    """of its ranks"""
    slower: float | None = None
    """mean divided by that of the fastest node, minus 1; None: not the slowest node, or balanced"""
    slowest: tuple[int, float] | None = None
    """its slowest rank, and the share by which it is slower than the fastest rank of the run"""


class NodeRankLines(msgspec.Struct, frozen=True):
    nodes: tuple[NodeRanks, ...]


_AnyNode = TypeVar("_AnyNode", NodeGpus, NodeRanks)


def draw_node_gpus(nodes: tuple[NodeGpus, ...], width: int, height: int) -> list[Row]:
    """Draw a heading and one row a node; if they do not fit, the last row summarises the others."""
    rows = _folded(nodes, height, lambda node: node_gpu_row(node, nodes, width), _worst_gpus, width)
    return [node_gpu_heading(nodes, width), *rows]


def draw_node_ranks(nodes: tuple[NodeRanks, ...], width: int, height: int) -> list[Row]:
    """Draw a heading and one row a node; if they do not fit, the last row names the slowest of the others."""
    rows = _folded(nodes, height, lambda node: node_rank_row(node, nodes, width), _worst_ranks, width)
    return [node_rank_heading(nodes, width), *rows]


def _folded(
    nodes: Sequence[_AnyNode],
    height: int,
    draw: Callable[[_AnyNode], Row],
    worst: Callable[[Sequence[_AnyNode]], Row],
    width: int,
) -> list[Row]:
    room: int = max(1, height - 1) if height else len(nodes)
    if len(nodes) <= room:
        return [draw(node) for node in nodes]
    shown: int = room - 1
    left: Sequence[_AnyNode] = nodes[shown:]
    others = f"+{plural(len(left), 'more node')}" if shown else plural(len(left), "node")
    return [*(draw(node) for node in nodes[:shown]), cut((dim(f"{others}, "), *worst(left)), width)]


def _worst_gpus(nodes: Sequence[NodeGpus]) -> Row:
    for node in sorted(nodes, key=lambda node: not node.node.bad):
        if node.node.trouble:
            return row("worst: ", Span(f"{node.node.name} {node.node.trouble}", node.node.style))
    for node in nodes:
        for line in node.lines:
            reasons = [*filter(None, [line.trouble]), *(set(line.throttled_by or ()) - set(HARMLESS))]
            if reasons:
                return row("worst: ", Span(f"GPU {line.index} of {node.node.name}: {reasons[0]}", "bad"))
    return row(dim("no problems detected"))


def _worst_ranks(nodes: Sequence[NodeRanks]) -> Row:
    for node in sorted(nodes, key=lambda node: not node.node.bad):
        if node.node.trouble:
            return row("worst: ", Span(f"{node.node.name} {node.node.trouble}", node.node.style))
    slowest = max(nodes, key=lambda node: node.mean_ms or 0.0)
    if slowest.mean_ms is None:
        return row(dim("none has measured"))
    return row(f"slowest {slowest.node.name} {format_measurement(slowest.mean_ms)} ms")


# --- GPUs --------------------------------------------------------------------------------------------------


def _name_width(nodes: Sequence[_AnyNode], width: int) -> int:
    return min(max((len(node.node.name) for node in nodes), default=4), 10 if width < 100 else 20)


def _levels_width(nodes: Sequence[NodeGpus]) -> int:
    return max(4, min(MOST_LEVELS, max((len(node.lines) for node in nodes), default=0)))


def node_gpu_heading(nodes: Sequence[NodeGpus], width: int, mark: str = "") -> Row:
    text = fit(mark + "node", _name_width(nodes, width) + len(mark) + 1) + fit("rank", 8)
    text += fit("GPUs", _levels_width(nodes)) + align_right("busy %", 10) + align_right("GiB", 12)
    return cut(row(dim(f"{text}{align_right('kW', 6)}{align_right('°C', 4)}  throttle")), width)


def node_gpu_row(found: NodeGpus, nodes: Sequence[NodeGpus], width: int, mark: str = "") -> Row:
    """Draw the GPUs of a node: a level for each, the range of their load and memory, and the sum of power.

    Args:
        found: the node.
        nodes: all nodes, for the widths of columns.
        width: cells.
        mark: cells before the name.
    """
    name = fit(found.node.name, _name_width(nodes, width))
    head: list[str | Span] = [mark, Span(name, found.node.style if found.node.trouble else "")]
    head.append(dim(" " + fit(found.ranks or UNKNOWN, 7) + " "))
    if not found.lines:
        why = found.node.trouble or found.why_none or "no GPU reading yet"
        return cut(row(*head, Span(why, found.node.style if found.node.trouble else "dim")), width)
    style = "dim" if found.node.trouble else ""
    numbers = [
        Span(fit(_levels(found.lines), _levels_width(nodes)), style or "accent"),
        Span(align_right(_percent([line.busy for line in found.lines]), 10), style),
        Span(align_right(_memory(found.lines), 12), style),
        Span(align_right(_kilowatts(found.lines), 6), style),
        Span(align_right(_hottest(found.lines), 4), style),
    ]
    end = Span(found.node.trouble, found.node.style) if found.node.trouble else _throttle(found.lines, width)
    slower = "" if found.slower is None else f"  slowest +{100 * found.slower:.1f} %"
    return cut(row(*head, *numbers, "  ", end, Span(slower, "warn")), width)


def _levels(lines: Sequence[GpuLine]) -> str:
    """Return the load of each GPU as the height of a block; a dot: not read."""
    each = -(-len(lines) // MOST_LEVELS)
    levels = ""
    for start in range(0, len(lines), each):
        busy = [line.busy for line in lines[start : start + each]]
        known = [value for value in busy if value is not None]
        levels += LEVELS[min(7, int(min(known) / 12.5))] if len(known) == len(busy) else "·"
    return levels


def _percent(values: Sequence[float | None]) -> str:
    """Return `94-99`, the range; `?` after it: some are not known."""
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN
    low, high = f"{min(known):.0f}", f"{max(known):.0f}"
    return (low if low == high else f"{low}-{high}") + ("?" if len(known) < len(values) else "")


def _memory(lines: Sequence[GpuLine]) -> str:
    known = [line.memory_used for line in lines if line.memory_used is not None]
    total = max((line.memory_total for line in lines), default=0)
    if not known:
        return UNKNOWN
    return f"{gibibytes(max(known))}/{gibibytes(total)}" if total else gibibytes(max(known))


def _kilowatts(lines: Sequence[GpuLine]) -> str:
    """Return the sum over the GPUs; nothing if the power of one of them is not known."""
    known = [line.power for line in lines if line.power is not None]
    return f"{sum(known) / 1000:.1f}" if known and len(known) == len(lines) else UNKNOWN


def _hottest(lines: Sequence[GpuLine]) -> str:
    known = [line.temperature for line in lines if line.temperature is not None]
    return f"{max(known):.0f}" if known else UNKNOWN


def _throttle(lines: Sequence[GpuLine], width: int) -> Span:
    """Return why clocks are held down, with the first GPU that it is; lost GPUs come first."""
    for line in lines:
        if line.trouble:
            return Span(f"GPU {line.index} {line.trouble}", "bad")
    reasons: dict[str, int] = {}
    for line in lines:
        for reason in line.throttled_by or ():
            reasons.setdefault(reason, line.index)
    serious = tuple(reason for reason in reasons if reason not in HARMLESS)
    if serious:
        letters = throttle_span(serious, wide=width >= 118)
        return Span(f"GPU {reasons[serious[0]]} {letters.text}", letters.style)
    if all(line.throttled_by is None for line in lines):
        return dim(UNKNOWN)
    return throttle_span(tuple(reasons), wide=width >= 118)


# --- ranks -------------------------------------------------------------------------------------------------


def node_rank_heading(nodes: Sequence[NodeRanks], width: int, mark: str = "") -> Row:
    name = fit(mark + "node", _name_width(nodes, width) + len(mark) + 1)
    numbers = align_right("mean ms", 8) + align_right("slower", SLOWER)
    return cut(row(dim(f"{name}{fit('rank', 8)}{numbers}  state")), width)


def node_rank_row(found: NodeRanks, nodes: Sequence[NodeRanks], width: int, mark: str = "") -> Row:
    """Draw the ranks of a node: their mean latency, how much slower it is, its slowest rank, their states.

    Args:
        found: the node.
        nodes: all nodes, for the width of the names.
        width: cells.
        mark: cells before the name.
    """
    style = "dim" if found.node.trouble else ""
    mean = UNKNOWN if found.mean_ms is None else format_measurement(found.mean_ms)
    name = fit(found.node.name, _name_width(nodes, width))
    spans: list[str | Span] = [mark, Span(name, found.node.style if found.node.trouble else "")]
    spans += [dim(" " + fit(found.ranks or UNKNOWN, 7) + " "), Span(align_right(mean, 8), style)]
    slower = "" if found.slower is None else f"+{100 * found.slower:.1f} %"
    room = width - row_width(row(*spans)) - SLOWER - 2
    takes_column = not slower and width_of(found.node.trouble) > room
    spans.append(Span(("" if takes_column else align_right(slower, SLOWER)) + "  ", "warn"))
    if found.node.trouble:
        spans.append(Span(found.node.trouble, found.node.style))
    else:
        spans.append(Span(found.states, "bad" if found.broken else "dim"))
        if found.i is not None and width >= 60:
            low, high = found.i
            spans.append(dim(f"  i {high}" if low == high else f"  i {low}-{high}"))
        if found.slowest is not None and width >= 76:
            rank, by = found.slowest
            spans.append(dim(f"  slowest rank {rank}: +{100 * by:.1f} %"))
    return cut(row(*spans), width)
