"""A board as a table of two of its axes; every other axis is fixed at one value."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from runner import metrics
from runner.metrics import Metric
from runner.metrics.request_latency import REQUEST_LATENCY, TTFT
from runner.metrics.serving import OUTPUT_TOKENS_PER_SEC, OUTPUT_TOKENS_PER_SEC_GPU
from runner.metrics.throughput import TOKENS_PER_SEC_RANK
from runner.sweep.board import Board, BoardPoint

MAIN = (
    metrics.TOKENS_PER_SEC.name, metrics.LATENCY.name,
    OUTPUT_TOKENS_PER_SEC.name, REQUEST_LATENCY.name, TTFT.name, metrics.JOULES_PER_TOKEN.name,
    TOKENS_PER_SEC_RANK.name, OUTPUT_TOKENS_PER_SEC_GPU.name,
    metrics.TIME_PER_OUTPUT_TOKEN.name, metrics.GENERATION_TOKENS_PER_SEC.name, metrics.P95.name,
    metrics.GPU_MEMORY.name,
)  # fmt: skip
"""The metrics to choose from on a board, in this order; metrics without any number are left out."""


@dataclass(frozen=True)
class MatrixView:
    """The part of a board that a table shows."""

    rows: int = 0
    """index of the axis of the rows"""
    columns: int | None = None
    """index of the axis of the columns; None: there is only one axis, and the columns are metrics"""
    held: tuple[int, ...] = ()
    """for every axis the index of the value that it is fixed at; used for axes that are no rows or columns"""


@dataclass(frozen=True)
class Matrix:
    """Rows and columns of points; None for a combination that the sweep does not have."""

    row_heads: tuple[str, ...]
    column_heads: tuple[str, ...]
    points: tuple[tuple[BoardPoint | None, ...], ...]


def first_view(board: Board) -> MatrixView:
    """Return the view with the first axis as rows and the last as columns.

    The first needs a run for each value; one run measures all values of the last.
    """
    last = len(board.axes) - 1
    return MatrixView(0, last if last else None, (0,) * len(board.axes))


def next_view(board: Board, view: MatrixView) -> MatrixView:
    """Return the view with the next choice of axes for rows and columns."""
    pairs = list(itertools.permutations(range(len(board.axes)), 2))
    if not pairs or view.columns is None:
        return view
    rows, columns = pairs[(pairs.index((view.rows, view.columns)) + 1) % len(pairs)]
    return replace(view, rows=rows, columns=columns)


def held_axes(board: Board, view: MatrixView) -> list[int]:
    """Return the indices of the axes that are fixed."""
    return [number for number in range(len(board.axes)) if number not in (view.rows, view.columns)]


def slices(board: Board, view: MatrixView) -> list[MatrixView]:
    """Return one view for every combination of values of the fixed axes."""
    free = held_axes(board, view)
    found = []
    for values in itertools.product(*(range(len(board.axes[number].values)) for number in free)):
        held = list(view.held)
        for number, value in zip(free, values, strict=True):
            held[number] = value
        found.append(replace(view, held=tuple(held)))
    return found


def held_text(board: Board, view: MatrixView) -> str:
    """Return the values of the fixed axes: `dtype bfloat16 · in/out 128/20`."""
    return " · ".join(
        f"{board.axes[number].title} {board.axes[number].values[view.held[number]]}"
        for number in held_axes(board, view)
    )


def make_matrix(board: Board, view: MatrixView) -> Matrix:
    """Return the points of a view."""
    at = {point.at: point for point in board.points}
    across = range(len(board.axes[view.columns].values)) if view.columns is not None else range(1)

    def point(row: int, column: int) -> BoardPoint | None:
        wanted = list(view.held)
        wanted[view.rows] = row
        if view.columns is not None:
            wanted[view.columns] = column
        return at.get(tuple(wanted))

    return Matrix(
        board.axes[view.rows].values,
        board.axes[view.columns].values if view.columns is not None else ("",),
        tuple(
            tuple(point(row, column) for column in across) for row in range(len(board.axes[view.rows].values))
        ),
    )


def shown_metrics(board: Board) -> list[Metric]:
    """Return the metrics to choose from; throughput and latency before there is any number."""
    known = board.metrics()
    found = [metrics.BY_NAME[name] for name in MAIN if name in known]
    return found or [metrics.TOKENS_PER_SEC, metrics.LATENCY]
