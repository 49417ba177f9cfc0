"""One line a rank: last and mean latency, state, and which rank is the slowest."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runner.util.formatting import plural
from tui.framework.rows import Row, Span, cut, dim, row
from tui.text import align_right, fit, format_measurement

CELL = 38
"""columns that one rank needs"""


class RankLine(msgspec.Struct, frozen=True):
    rank: int
    state: str
    last_ms: float | None = None
    mean_ms: float | None = None
    i: int | None = None
    """iterations done in this phase"""
    slower: float | None = None
    """only for the slowest rank: its mean divided by that of the fastest rank, minus 1"""
    broken: bool = False


RankLines = tuple[RankLine, ...]


def draw_ranks(ranks: tuple[RankLine, ...], width: int, height: int) -> list[Row]:
    """Draw the ranks in as many columns as fit, each with a heading; the last row summarises those left out.

    `height`: 0 for all rows.
    """
    if not ranks:
        return [row(dim("no rank has started yet"))]
    rows = rank_rows(len(ranks), width)
    if not height or rows < height:
        return _table(ranks, rows, width)
    rows = max(0, height - 2)
    shown = rows * _columns(len(ranks), width)
    left = ranks[shown:]
    others = f"+{len(left)} more" if shown else plural(len(left), "rank")
    return [
        *(_table(ranks[:shown], rows, width) if shown else []),
        cut((dim(f"{others}, "), *_worst(left)), width),
    ]


def _worst(ranks: Sequence[RankLine]) -> Row:
    """Return which of the ranks that are left out has a problem, or is the slowest."""
    for rank in ranks:
        if rank.broken:
            return row("worst: ", Span(f"rank {rank.rank} {rank.state}", "bad"))
    slowest = max(ranks, key=lambda rank: rank.mean_ms or 0.0)
    if slowest.mean_ms is None:
        return row(dim("none has measured"))
    text = f"slowest rank {slowest.rank}: {format_measurement(slowest.mean_ms)} ms"
    return row(Span(text, "dim" if slowest.slower is None else "warn"))


def _table(ranks: Sequence[RankLine], rows: int, width: int) -> list[Row]:
    """Draw headings and the ranks in columns of `rows` each."""
    columns = -(-len(ranks) // rows)
    cell = min(CELL + 8, (width - 2 * (columns - 1)) // columns)
    heading = fit("rank  last ms  mean ms     i", cell)
    drawn: list[Row] = [row(dim("  ".join([heading] * columns)))]
    for y in range(rows):
        spans: list[Span] = []
        for index in range(y, len(ranks), rows):
            spans += [*([Span("  ")] if spans else []), *_cell(ranks[index], cell)]
        drawn.append(tuple(spans))
    return drawn


def rank_rows(count: int, width: int) -> int:
    """Return how many lines `count` ranks take below their heading."""
    return -(-count // _columns(count, width))


def _columns(count: int, width: int) -> int:
    return max(1, min((width + 2) // (CELL + 2), count))


def _cell(rank: RankLine, width: int) -> Row:
    numbers = (
        align_right(str(rank.rank), 4)
        + align_right(_ms(rank.last_ms), 9)
        + align_right(_ms(rank.mean_ms), 9)
        + align_right("–" if rank.i is None else str(rank.i), 6)
    )
    room = max(0, width - len(numbers))
    state = _state(rank, room)
    return row(numbers[:width], Span(fit(state.text, room), state.style))


def _state(rank: RankLine, room: int) -> Span:
    if rank.broken:
        return Span(f"  {rank.state}", "bad")
    if rank.slower is None:
        return dim(f"  {rank.state}")
    skew = f" +{rank.slower * 100:.1f} %" if room >= 17 else ""
    return Span(f"  slowest{skew}", "warn")


def _ms(value: float | None) -> str:
    return "–" if value is None else format_measurement(value)
