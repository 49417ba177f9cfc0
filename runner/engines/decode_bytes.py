"""What a decode step reads from a GPU's memory, from a model's shape: for the modelled memory bandwidth."""

from __future__ import annotations

from typing import NamedTuple

from runner.engines.model_shape import Shape
from runner.plan.plan import DecodeReads

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class Widths(NamedTuple):
    """Bytes of one number; scales of quantised weights are not counted."""

    weight: float
    """in the matrices of the layers"""
    other: float
    """in norms, biases and the output head, which quantisation leaves alone"""
    cache: float


def decode_reads(shape: Shape, tp: int, widths: Widths, window: int | None = None) -> DecodeReads:
    """Of rank 0 of `tp` tensor-parallel ranks; the others have the same, but for a row of the vocabulary.

    Query heads, feed-forward and vocabulary are divided by the ranks, key/value heads too as long as there
    are enough, and are repeated then; norms are on every rank.
    """
    hidden, width = shape.hidden_size, shape.width_of_head
    queries = shape.num_attention_heads // tp * width
    keys = max(1, shape.num_key_value_heads // tp) * width
    matrices = hidden * (2 * queries + 2 * keys) + 3 * hidden * (shape.intermediate_size // tp)
    others = 2 * hidden + (queries + 2 * keys if shape.attention_bias else 0)
    head = shape.vocab_size // tp * hidden
    layers = shape.num_hidden_layers
    return DecodeReads(
        weight_bytes=round(layers * matrices * widths.weight)
        + round((layers * others + hidden + head) * widths.other),
        kv_bytes_per_token=round(layers * 2 * keys * widths.cache),
        window=window,
    )
