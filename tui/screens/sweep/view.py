"""What the board shows: which part of a sweep, by which metric, and where the cursor is. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.metrics import Metric
from runner.sweep.board import Board, Point
from runner.sweep.matrix import (
    Matrix,
    Trade,
    View,
    first_view,
    held_words,
    matrix,
    shown_metrics,
    slices,
    trades,
    turned,
)


@dataclass(frozen=True)
class BoardView:
    """A board as it is looked at. With one axis only, its metrics run across."""

    board: Board
    view: View
    metric_name: str = ""
    """what the matrix shows; empty, or gone: the first there is"""
    row: int = 0
    column: int = 0
    marked: tuple[int, ...] = ()
    """numbers of cells that are to be compared, in the order of marking"""

    @property
    def metrics(self) -> list[Metric]:
        return shown_metrics(self.board)

    @property
    def metric(self) -> Metric:
        if self.of_metrics:
            return self.metrics[min(self.column, len(self.metrics) - 1)]
        return next((one for one in self.metrics if one.name == self.metric_name), self.metrics[0])

    @property
    def of_metrics(self) -> bool:
        """Whether metrics run across."""
        return self.view.columns is None

    @property
    def matrix(self) -> Matrix:
        return matrix(self.board, self.view)

    @property
    def width(self) -> int:
        """How many columns there are."""
        if self.view.columns is None:
            return len(self.metrics)
        return len(self.board.axes[self.view.columns].values)

    @property
    def point(self) -> Point | None:
        """What the cursor is on."""
        line = self.matrix.points[self.row]
        return line[0] if self.of_metrics else line[self.column]

    @property
    def held(self) -> str:
        return held_words(self.board, self.view)

    @property
    def slice_number(self) -> tuple[int, int]:
        """Which slice this is, from 1, and of how many."""
        every = slices(self.board, self.view)
        return every.index(self.view) + 1, len(every)

    # --- moving -----------------------------------------------------------------------------------------

    def moved(self, rows: int, columns: int) -> BoardView:
        last = len(self.board.axes[self.view.rows].values) - 1
        return replace(
            self,
            row=max(0, min(self.row + rows, last)),
            column=max(0, min(self.column + columns, self.width - 1)),
        )

    def other_slice(self, step: int) -> BoardView:
        every = slices(self.board, self.view)
        return replace(self, view=every[(every.index(self.view) + step) % len(every)])

    def turned(self) -> BoardView:
        """Other axes down and across, and the cursor on the point it was on."""
        at = self.point.at if self.point else None
        view = turned(self.board, self.view)
        if at is not None:
            view = replace(view, held=self._held_around(view, at))
        made = replace(self, view=view, row=0, column=0)
        if at is None or view.columns is None:
            return made
        return replace(made, row=at[view.rows], column=at[view.columns])

    def _held_around(self, view: View, at: tuple[int, ...]) -> tuple[int, ...]:
        # Axes that run down or across are held at 0, so that equal slices are equal views.
        return tuple(0 if number in (view.rows, view.columns) else value for number, value in enumerate(at))

    def next_metric(self) -> BoardView:
        names = [one.name for one in self.metrics]
        if self.of_metrics:
            return replace(self, column=(self.column + 1) % len(names))
        return replace(self, metric_name=names[(names.index(self.metric.name) + 1) % len(names)])

    def with_mark(self) -> BoardView:
        """Mark the cell under the cursor, or take its mark off."""
        cell = self.point.cell if self.point is not None else None
        if cell is None:
            return self
        others = tuple(one for one in self.marked if one != cell)
        return replace(self, marked=others if cell in self.marked else (*others, cell))

    @property
    def to_compare(self) -> tuple[int, ...]:
        """The marked cells; with one mark, that and the one under the cursor; without, profiles in turn."""
        if not self.marked and self.board.sweep.kind == "ab":
            return tuple(cell.number for cell in self.board.sweep.cells)
        here = self.point.cell if self.point is not None else None
        if len(self.marked) == 1 and here is not None and here not in self.marked:
            return (*self.marked, here)
        return self.marked

    def with_board(self, board: Board) -> BoardView:
        """The same part of what the sweep has become."""
        return replace(self, board=board)

    # --- the plot ---------------------------------------------------------------------------------------

    @property
    def lengths(self) -> str:
        """The lengths that the cursor is on: the plot compares points of the same lengths."""
        return self.point.lengths if self.point is not None else ""

    @property
    def trades(self) -> list[Trade]:
        """What the plot shows."""
        return [trade for trade in trades(self.board) if trade.point.lengths == self.lengths]


def first(board: Board) -> BoardView:
    return BoardView(board, first_view(board))
