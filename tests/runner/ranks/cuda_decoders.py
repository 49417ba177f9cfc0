"""Decoders on a GPU for tests, and weights to compare them with."""

from __future__ import annotations

from dataclasses import replace

import torch

from runner.ranks.collectives import SingleRank
from runner.ranks.decoder import Decoder
from runner.ranks.quantized import Matrix, QuantizedMatrix
from runner.ranks.shape import DecoderShape
from runner.ranks.weight_shards import WeightShard
from runner.ranks.weights import LayerWeights, RandomSource, Weights, build_weights
from tests.runner.ranks.support import TINY

LARGER = TINY | {"hidden_size": 512, "intermediate_size": 1024, "vocab_size": 8192, "head_dim": 64}


def on_gpu(weights: Weights) -> Weights:
    """Generators of CPU and GPU give different numbers, so weights to compare are copied."""
    layers = [
        LayerWeights(**{key: None if value is None else value.cuda() for key, value in vars(layer).items()})
        for layer in weights.layers
    ]
    return replace(
        weights,
        embedding=weights.embedding.cuda(),
        head=weights.head.cuda(),
        norm=weights.norm.cuda(),
        layers=layers,
    )


def in_float32(weights: Weights) -> Weights:
    def convert(value: Matrix | None) -> torch.Tensor | None:
        if isinstance(value, QuantizedMatrix):
            return value.dequantized(torch.float32)
        return None if value is None else value.float()

    layers = [
        LayerWeights(**{key: convert(value) for key, value in vars(layer).items()})
        for layer in weights.layers
    ]
    return replace(
        weights,
        embedding=weights.embedding.float(),
        head=weights.head.float(),
        norm=weights.norm.float(),
        layers=layers,
    )


def gpu_decoder(dtype: torch.dtype, kind: str | None = None) -> Decoder:
    shape = DecoderShape(**LARGER)
    weights = build_weights(shape, WeightShard(0, 1), RandomSource(0, dtype, torch.device("cuda")), kind)
    return Decoder(shape, weights, SingleRank(), 256)
