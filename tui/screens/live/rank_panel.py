"""One line a rank: last and mean latency, state, and which rank is the slowest."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, Span, dim, row
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
    """Draw the ranks in as many columns as fit, each with a heading."""
    if not ranks:
        return [row(dim("no rank has started yet"))]
    columns = _columns(len(ranks), width)
    cell = min(CELL + 8, (width - 2 * (columns - 1)) // columns)
    rows = rank_rows(len(ranks), width)
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
