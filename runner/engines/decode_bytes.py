"""Bytes that a decode step reads from GPU memory, from the model's shape: for the modelled bandwidth."""

from __future__ import annotations

from typing import NamedTuple

from runner.engines.model_shape import TransformerShape
from runner.plan.plan import DecodeReads

DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class ByteWidths(NamedTuple):
    """Bytes per number; the scales of quantised weights are not counted."""

    weight: float
    """in the matrices of the layers"""
    other: float
    """in norms, biases and the output head, which are not quantised"""
    cache: float


def decode_reads(
    shape: TransformerShape, tp: int, widths: ByteWidths, window: int | None = None
) -> DecodeReads:
    """Return what rank 0 of `tp` tensor-parallel ranks reads in a decode step.

    The other ranks read the same, except for one row of the vocabulary. Query heads, feed-forward and
    vocabulary are divided among the ranks. Key/value heads are divided as far as possible, then repeated.
    Norms are on every rank.
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
