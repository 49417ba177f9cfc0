"""State of the sweep screen as plain data: slice, metric, cursor and marks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from runner.metrics import Metric
from runner.sweep.board import Board, BoardPoint
from runner.sweep.matrix import (
    Matrix,
    MatrixView,
    first_view,
    held_text,
    make_matrix,
    next_view,
    shown_metrics,
    slices,
)
from runner.sweep.pareto import EVERY_PER, Per, Trade, trades
from runner.sweep.spec import LENGTHS


@dataclass(frozen=True)
class BoardView:
    """A sweep board with a cursor. With a single axis the metrics are the columns."""

    board: Board
    view: MatrixView
    metric_name: str = ""
    """metric of the matrix; empty or not available: the first one"""
    row: int = 0
    column: int = 0
    marked: tuple[int, ...] = ()
    """numbers of the cells to compare, in the order of marking"""
    per: Per = "gpu"
    """what the throughput of the trades is counted for"""

    @cached_property
    def metrics(self) -> list[Metric]:
        return shown_metrics(self.board)

    @property
    def metric(self) -> Metric:
        if self.of_metrics:
            return self.metrics[min(self.column, len(self.metrics) - 1)]
        return next((one for one in self.metrics if one.name == self.metric_name), self.metrics[0])

    @property
    def of_metrics(self) -> bool:
        """Whether the columns are metrics; with two axes they are the values of the second."""
        return self.view.columns is None

    @cached_property
    def matrix(self) -> Matrix:
        return make_matrix(self.board, self.view)

    @property
    def width(self) -> int:
        """Number of columns."""
        if self.view.columns is None:
            return len(self.metrics)
        return len(self.board.axes[self.view.columns].values)

    @cached_property
    def point(self) -> BoardPoint | None:
        """The point under the cursor."""
        line = self.matrix.points[self.row]
        return line[0] if self.of_metrics else line[self.column]

    @property
    def fixed_values(self) -> str:
        return held_text(self.board, self.view)

    @property
    def slice_number(self) -> tuple[int, int]:
        """Number of this slice, from 1, and number of slices."""
        every = slices(self.board, self.view)
        return every.index(self.view) + 1, len(every)

    # --- moving -----------------------------------------------------------------------------------------

    def move(self, rows: int, columns: int) -> BoardView:
        last = len(self.board.axes[self.view.rows].values) - 1
        return replace(
            self,
            row=max(0, min(self.row + rows, last)),
            column=max(0, min(self.column + columns, self.width - 1)),
        )

    def next_slice(self, step: int) -> BoardView:
        every = slices(self.board, self.view)
        return replace(self, view=every[(every.index(self.view) + step) % len(every)])

    def switch_axes(self) -> BoardView:
        """Return the view with other axes as rows and columns; the cursor stays on its point."""
        at = self.point.at if self.point else None
        view = next_view(self.board, self.view)
        if at is not None:
            view = replace(view, held=self._fixed_at(view, at))
        switched = replace(self, view=view, row=0, column=0)
        if at is None or view.columns is None:
            return switched
        return replace(switched, row=at[view.rows], column=at[view.columns])

    def _fixed_at(self, view: MatrixView, at: tuple[int, ...]) -> tuple[int, ...]:
        # The axes of rows and columns are fixed at 0, so that equal slices are equal views.
        return tuple(0 if number in (view.rows, view.columns) else value for number, value in enumerate(at))

    def next_metric(self) -> BoardView:
        names = [one.name for one in self.metrics]
        if self.of_metrics:
            return replace(self, column=(self.column + 1) % len(names))
        return replace(self, metric_name=names[(names.index(self.metric.name) + 1) % len(names)])

    def next_per(self) -> BoardView:
        """Return the view with throughput per GPU in place of that of all GPUs, or the reverse."""
        return replace(self, per=EVERY_PER[(EVERY_PER.index(self.per) + 1) % len(EVERY_PER)])

    def toggle_mark(self) -> BoardView:
        """Mark or unmark the cell under the cursor."""
        cell = self.point.cell if self.point is not None else None
        if cell is None:
            return self
        others = tuple(one for one in self.marked if one != cell)
        return replace(self, marked=others if cell in self.marked else (*others, cell))

    @property
    def to_compare(self) -> tuple[int, ...]:
        """Cells to compare: the marked ones; if only one is marked, also the cell under the cursor.

        Without marks all cells of an A/B sweep.
        """
        if not self.marked and self.board.sweep.kind == "ab":
            return tuple(cell.number for cell in self.board.sweep.cells)
        here = self.point.cell if self.point is not None else None
        if len(self.marked) == 1 and here is not None and here not in self.marked:
            return (*self.marked, here)
        return self.marked

    def with_board(self, board: Board) -> BoardView:
        """Return the same view of a newer state of the sweep."""
        return replace(self, board=board)

    # --- the plot ---------------------------------------------------------------------------------------

    @property
    def lengths(self) -> str:
        """Lengths of the point under the cursor; the plot compares points of the same lengths."""
        return self.point.lengths if self.point is not None else ""

    def plot_label(self, at: tuple[int, ...]) -> str:
        """Label a point as `tp 2 batch 8`, without the lengths, which are the same for all of the plot."""
        parts = self._plot_values(at)
        return parts[0][1] if len(parts) == 1 else " ".join(f"{title} {value}" for title, value in parts)

    def short_plot_label(self, at: tuple[int, ...]) -> str:
        """Label a point as `2/8`."""
        return "/".join(value for _, value in self._plot_values(at))

    def _plot_values(self, at: tuple[int, ...]) -> list[tuple[str, str]]:
        axes = zip(self.board.axes, at, strict=True)
        return [(axis.title, axis.values[value]) for axis, value in axes if axis.path != LENGTHS]

    @cached_property
    def trades(self) -> list[Trade]:
        """The points of the plot."""
        return [trade for trade in trades(self.board, self.per) if trade.point.lengths == self.lengths]


def first_board_view(board: Board) -> BoardView:
    """Return the initial view of a board."""
    return BoardView(board, first_view(board))
