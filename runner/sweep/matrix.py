"""A board as a table of two of its axes; the others are held at one value each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from runner import metrics
from runner.metrics import Metric
from runner.metrics.serving_definitions import OUTPUT_TOKENS_PER_SEC, REQUEST_LATENCY, TTFT
from runner.sweep.board import Board, Number, Point, frontier

MAIN = (
    metrics.TOKENS_PER_SEC.name, metrics.LATENCY.name,
    OUTPUT_TOKENS_PER_SEC.name, REQUEST_LATENCY.name, TTFT.name, metrics.JOULES_PER_TOKEN.name,
    metrics.TIME_PER_OUTPUT_TOKEN.name, metrics.GENERATION_TOKENS_PER_SEC.name, metrics.P95.name,
    metrics.GPU_MEMORY.name,
)  # fmt: skip
"""The metrics that a board is looked at by, in this order; those without any number are left out."""


TRADED = (
    (metrics.LATENCY, metrics.TOKENS_PER_SEC),
    (REQUEST_LATENCY, OUTPUT_TOKENS_PER_SEC),
)
"""Latency and throughput of batches, and of requests in flight; one is not weighed against the other."""


@dataclass(frozen=True)
class View:
    """Which part of a board is looked at."""

    rows: int = 0
    """number of the axis that runs down"""
    columns: int | None = None
    """number of the axis that runs across; None: there is one axis only, and metrics run across"""
    held: tuple[int, ...] = ()
    """for every axis the number of the value that it is held at, where it runs neither down nor across"""


@dataclass(frozen=True)
class Matrix:
    """Rows and columns of points; None where a sweep has no such combination."""

    row_heads: tuple[str, ...]
    column_heads: tuple[str, ...]
    points: tuple[tuple[Point | None, ...], ...]


def first_view(board: Board) -> View:
    """The first axis down, the last across: what needs a run of its own against what one run measures."""
    last = len(board.axes) - 1
    return View(0, last if last else None, (0,) * len(board.axes))


def turned(board: Board, view: View) -> View:
    """The next choice of axes for rows and columns."""
    pairs = list(itertools.permutations(range(len(board.axes)), 2))
    if not pairs or view.columns is None:
        return view
    rows, columns = pairs[(pairs.index((view.rows, view.columns)) + 1) % len(pairs)]
    return replace(view, rows=rows, columns=columns)


def others(board: Board, view: View) -> list[int]:
    """Numbers of the axes that are held."""
    return [number for number in range(len(board.axes)) if number not in (view.rows, view.columns)]


def slices(board: Board, view: View) -> list[View]:
    """One view for every combination of values of the axes that are held."""
    free = others(board, view)
    found = []
    for values in itertools.product(*(range(len(board.axes[number].values)) for number in free)):
        held = list(view.held)
        for number, value in zip(free, values, strict=True):
            held[number] = value
        found.append(replace(view, held=tuple(held)))
    return found


def held_words(board: Board, view: View) -> str:
    """What the held axes are held at: `dtype bfloat16 · in/out 128/20`."""
    return " · ".join(
        f"{board.axes[number].title} {board.axes[number].values[view.held[number]]}"
        for number in others(board, view)
    )


def matrix(board: Board, view: View) -> Matrix:
    """The points of a view."""
    at = {point.at: point for point in board.points}
    across = range(len(board.axes[view.columns].values)) if view.columns is not None else range(1)

    def point(row: int, column: int) -> Point | None:
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
    """The metrics to choose from; throughput and latency also before there is a number."""
    known = board.metrics()
    found = [metrics.BY_NAME[name] for name in MAIN if name in known]
    return found or [metrics.TOKENS_PER_SEC, metrics.LATENCY]


@dataclass(frozen=True)
class Trade:
    """A point by what it costs and what it gives."""

    point: Point
    latency: Number
    throughput: Number
    best: bool
    """no other point with these lengths has less latency and as much throughput"""


def trades(board: Board) -> list[Trade]:
    """Every point that has a latency and a throughput, with whether it is on the frontier."""
    groups: dict[tuple[str, bool], list[tuple[Point, Number, Number]]] = {}
    for found in _with_both(board):
        in_flight = REQUEST_LATENCY.name in found[0].numbers
        groups.setdefault((found[0].lengths, in_flight), []).append(found)
    trades = []
    for alike in groups.values():
        best = set(frontier([(latency.mean, throughput.mean) for _, latency, throughput in alike]))
        trades += [
            Trade(point, latency, throughput, number in best)
            for number, (point, latency, throughput) in enumerate(alike)
        ]
    return trades


def _with_both(board: Board) -> Iterator[tuple[Point, Number, Number]]:
    """Of requests in flight, the latency is a request's and the throughput that of all of them together."""
    for point in board.points:
        for latency_metric, throughput_metric in TRADED:
            latency = point.numbers.get(latency_metric.name)
            throughput = point.numbers.get(throughput_metric.name)
            if latency is not None and throughput is not None:
                yield point, latency, throughput
                break
