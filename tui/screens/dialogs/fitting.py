"""Dialogs on low terminals: the last row, which has the keys, is always visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from textual.app import App

from tui.framework.rows import Row

MOST_HEIGHT = 0.9
"""share of the height of the terminal that a dialog gets at most, as in `app.tcss`"""
FRAME = 2
Data = TypeVar("Data")


def fitting_terminal(
    app: App[Any], draw: Callable[[Data, int, int], list[Row]], others: int = 0
) -> Callable[[Data, int, int], list[Row]]:
    """Return a function that draws the same, but at most the rows that a dialog has.

    Args:
        app: what the terminal shows; its size is read when the rows are drawn.
        draw: draws the last panel of the dialog.
        others: rows of the dialog above that panel.
    """

    def drawn(data: Data, width: int, height: int) -> list[Row]:
        room = int(MOST_HEIGHT * app.size.height) - FRAME - others
        return with_last_row(draw(data, width, height), max(1, room))

    return drawn


def with_last_row(rows: list[Row], most: int) -> list[Row]:
    """Return at most `most` rows, the last one among them; empty rows are left out first."""
    if len(rows) <= most:
        return rows
    filled = [line for line in rows if line]
    return filled if len(filled) <= most else [*filled[: most - 1], filled[-1]]
