"""Tables of Markdown, aligned also for a reader of the source."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[int]) -> Iterator[str]:
    """Yield the lines of a table with columns aligned for a fixed-width font.

    Args:
        head: a title for each column; every cell is Markdown.
        rows: each with a cell for each column.
        numbers: the right-aligned columns, counted from 0.
    """
    columns = range(len(head))
    widths = [max(3, *(_width(cells[column]) for cells in (head, *rows))) for column in columns]

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(_put(cells[at], widths[at], at in numbers) for at in columns)} |"

    yield line(head)
    yield line(["-" * (widths[at] - 1) + (":" if at in numbers else "-") for at in columns])
    yield from map(line, rows)


def _put(cell: str, width: int, right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space


def _width(text: str) -> int:
    """Return the columns of a text in a fixed-width font: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
