"""Weight-only quantisation; `test_fused.py` and `test_cuda_graphs.py` run the kernels."""

from __future__ import annotations

import pytest

from tests.runner.ranks.support import TINY, torch_or_skip

with torch_or_skip():
    import torch

    from runner.ranks.collectives import SingleRank
    from runner.ranks.decoder import Decoder
    from runner.ranks.graphs import Preparation
    from runner.ranks.quantized import FORMATS, QuantizedMatrix, linear, quantize
    from runner.ranks.shape import DecoderShape
    from runner.ranks.weight_shards import WeightShard
    from runner.ranks.weights import RandomSource, build_weights

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", FORMATS)
def test_quantised_rows_are_close_and_their_largest_exact(kind: str) -> None:
    torch.manual_seed(1)
    matrix = torch.randn(3000, 40) * torch.logspace(-4, 4, 3000)[:, None]
    matrix[7] = 0.0
    found = quantize(matrix, kind)
    whole = found.dequantized(torch.float32)
    largest = matrix.abs().amax(dim=1)
    # int8: half a step of 1 / 127; fp8, which has 3 bits of mantissa: 1 / 16 of the value.
    assert ((whole - matrix).abs().amax(dim=1) <= largest * (0.51 / 127 if kind == "int8" else 1 / 16)).all()
    torch.testing.assert_close(whole.abs().amax(dim=1), largest)
    assert (found.kind, found.nbytes) == (kind, 3000 * 40 + 3000 * 4)
    x = torch.randn(2, 40)
    torch.testing.assert_close(linear(x, found), x @ whole.T)


def test_only_the_matrices_of_layers_are_quantised() -> None:
    shape = DecoderShape(**TINY, attention_bias=True, qk_norm=True)
    weights = build_weights(shape, WeightShard(0, 1), RandomSource(0, torch.float32, CPU), "int8")
    kinds = {name: type(value).__name__ for name, value in vars(weights.layers[0]).items()}
    assert {name for name, kind in kinds.items() if kind == QuantizedMatrix.__name__} == {
        "qkv", "out", "gate_up", "down",
    }  # fmt: skip
    assert weights.head.dtype == torch.float32
    preparation = Preparation(Decoder(shape, weights, SingleRank(), 16))
    assert preparation.description == "single operations, each dequantising its int8 weights"
    assert preparation.is_slow
