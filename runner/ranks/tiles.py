"""Tile sizes of the matrix kernels, chosen by measuring a few on the GPU with the weights of the model.

The best size depends on the shape of the matrix and on the GPU; the differences are up to a third.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch


class Tile(NamedTuple):
    """What one program of a kernel handles at a time."""

    rows: int
    columns: int
    warps: int
    stages: int = 3


VECTOR_TILES = (
    Tile(4, 2048, 8), Tile(2, 2048, 8), Tile(1, 2048, 4), Tile(4, 1024, 8), Tile(4, 512, 4),
    Tile(8, 1024, 4), Tile(2, 4096, 8), Tile(1, 4096, 8), Tile(2, 8192, 4), Tile(1, 8192, 8),
    Tile(1, 8192, 4), Tile(2, 1024, 4), Tile(2, 1024, 2), Tile(8, 1024, 2), Tile(4, 1024, 4),
    Tile(2, 512, 2), Tile(4, 2048, 4), Tile(8, 512, 2),
)  # fmt: skip
"""for `kernels.matvec`; each is among the best for a matrix of models of 0.5 to 32 B on an H200"""
NARROW_TILES = (Tile(8, 256, 2), Tile(4, 256, 1), Tile(4, 1024, 1), Tile(1, 1024, 1))
"""the same for matrices below `NARROW` columns: few warps add up a row without waiting for many others"""
NARROW = 4096
BATCH_TILES = (
    Tile(64, 128, 4, 4), Tile(64, 128, 4, 6), Tile(64, 256, 4, 3), Tile(32, 256, 4, 6), Tile(32, 512, 4, 3),
    Tile(32, 512, 4, 4), Tile(64, 64, 4, 3), Tile(128, 128, 4, 3), Tile(32, 256, 4, 4), Tile(64, 256, 4, 4),
    Tile(32, 128, 4, 6), Tile(16, 256, 4, 6),
)  # fmt: skip
"""for `kernels.matmul`; like the tiles above"""
BYTE_VECTOR_TILES = (
    Tile(4, 2048, 4), Tile(4, 1024, 2), Tile(8, 512, 2), Tile(2, 1024, 4), Tile(4, 1024, 4), Tile(4, 4096, 8),
    Tile(4, 2048, 8), Tile(2, 4096, 8), Tile(2, 2048, 4), Tile(1, 4096, 4), Tile(2, 4096, 4),
)  # fmt: skip
"""the same for matrices of bytes: those of an 8B model, and a few others"""
SPLITS = (Tile(64, 0, 4), Tile(128, 0, 4), Tile(128, 0, 8), Tile(32, 0, 4), Tile(64, 0, 8))
"""for `attention_kernels.attend`: rows are cached tokens"""
TIE = 1.003
"""A later tile is chosen only if it is faster by this factor, so that choices are repeatable."""
REPEATS = 7


def next_power_of_2(size: int) -> int:
    """Return the smallest power of 2 that is not below `size`: the lengths that Triton has."""
    return 1 << max(0, size - 1).bit_length()


def vector_tiles(inputs: int, *, of_bytes: bool = False) -> list[Tile]:
    """Return the tiles to try for `kernels.matvec` and a matrix with `inputs` columns, perhaps of bytes."""
    widest = next_power_of_2(inputs)
    whole = VECTOR_TILES + (NARROW_TILES if inputs < NARROW else ())
    tiles = BYTE_VECTOR_TILES if of_bytes else whole
    return [tile for tile in tiles if tile.columns <= widest] or [Tile(8, 64, 4)]


def batch_tiles(batch: int, inputs: int, *, halves: int, element_size: int, shared: int) -> list[Tile]:
    """Return the tiles to try for `kernels.matmul`.

    Args:
        batch: rows of the activations as the kernel pads them.
        inputs: columns of the matrix.
        halves: 2 for a gated matrix, whose halves are read together; otherwise 1.
        element_size: bytes of a value.
        shared: bytes of shared memory that a program may use.
    """
    widest = next_power_of_2(inputs)

    def fits(tile: Tile) -> bool:
        needed = (tile.rows * halves + batch) * tile.columns * element_size * tile.stages
        return tile.columns <= widest and needed <= shared

    return [tile for tile in BATCH_TILES if fits(tile)] or [Tile(16, 64, 4, 2)]


def fastest(run: Callable[[Tile], None], tiles: list[Tile]) -> Tile:
    """Return the fastest tile of `run` on the GPU; tiles that need too much shared memory are left out."""
    from triton.runtime.errors import OutOfResources

    best, best_ms = tiles[0], float("inf")
    for tile in tiles:
        try:
            run(tile)
        except OutOfResources:
            continue
        if (ms := _graph_milliseconds(partial(run, tile))) * TIE < best_ms:
            best, best_ms = tile, ms
    return best


def _graph_milliseconds(run: Callable[[], None]) -> float:
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        run()
    graph.replay()
    return milliseconds(graph.replay, REPEATS)


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call on the GPU."""
    times = []
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(float(begin.elapsed_time(end)))
    return statistics.median(times)
