"""The kernels of the decoder, run by Triton's interpreter; `test_cuda_graphs.py` runs them on a GPU."""

from __future__ import annotations

import importlib.util

import pytest

from tests.runner.ranks.support import python, torch_or_skip
from tests.support.paths import TESTS

with torch_or_skip():
    from runner.ranks.tiles import batch_tiles, vector_tiles

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed (PyTorch for CUDA brings it)"
)


@needs_triton
def test_kernels_choose_the_tokens_of_single_operations() -> None:
    done = python(str(TESTS / "runner" / "ranks" / "fused_program.py"), TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("element_size", [2, 4])
@pytest.mark.parametrize("inputs", [48, 896, 4096, 28672])
def test_there_are_tiles_for_every_matrix(inputs: int, element_size: int) -> None:
    assert vector_tiles(inputs)
    for shared in (99_000, 227_000):
        tiles = batch_tiles(64, inputs, halves=2, element_size=element_size, shared=shared)
        assert all(
            (2 * tile.rows + 64) * tile.columns * tile.stages * element_size < 230_000 for tile in tiles
        )
        assert tiles
