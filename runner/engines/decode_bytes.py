"""What a decode step reads from GPU memory and computes, from the shape of the model."""

from __future__ import annotations

from typing import NamedTuple

from runner.engines.model_shape import TransformerShape
from runner.plan.plan import DecodeReads, Experts, TokenWork

DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class ByteWidths(NamedTuple):
    """Bytes per number; the scales of quantised weights are not counted."""

    weight: float
    """in the matrices of the layers"""
    other: float
    """in norms, biases and the output head, which are not quantised"""
    cache: float


class ExpertCounts(NamedTuple):
    """The experts of a mixture; `intermediate_size` of its shape is the width of one expert."""

    total: int
    """experts of a layer"""
    active: int
    """experts that a token uses"""


def decode_reads(
    shape: TransformerShape,
    tp: int,
    widths: ByteWidths,
    window: int | None = None,
    *,
    dtype: str = "",
    experts: ExpertCounts | None = None,
    pp: int = 1,
) -> DecodeReads:
    """Return what rank 0 of `tp` tensor-parallel ranks reads and computes in a decode step.

    The other ranks do the same, except for one row of the vocabulary. Query heads, feed-forward and
    vocabulary are divided among the ranks. Key/value heads are divided as far as possible, then repeated.
    Norms and the router of experts are on every rank. Experts that are divided among ranks as a whole are
    counted as if each were divided: the mean of the ranks.

    Args:
        shape: the model.
        tp: tensor-parallel size.
        widths: bytes per number.
        window: most tokens that attention reads; None: all.
        dtype: type of the factors of matrix products, as `TokenWork.dtype`; empty: not known.
        experts: of a mixture; None: there are none.
        pp: pipeline stages.
    """
    hidden, width = shape.hidden_size, shape.width_of_head
    queries = shape.num_attention_heads // tp * width
    keys = max(1, shape.num_key_value_heads // tp) * width
    attention = hidden * (2 * queries + 2 * keys)
    feed_forward = 3 * hidden * (shape.intermediate_size // tp)
    router = hidden * experts.total if experts else 0
    matrices = attention + (0 if experts else feed_forward)
    others = 2 * hidden + router + (queries + 2 * keys if shape.attention_bias else 0)
    others += 2 * width if shape.qk_norm else 0
    head = shape.vocab_size // tp * hidden
    layers = shape.num_hidden_layers
    used = attention + feed_forward * (experts.active if experts else 1) + router
    return DecodeReads(
        weight_bytes=round(layers * matrices * widths.weight)
        + round((layers * others + hidden + head) * widths.other),
        kv_bytes_per_token=round(layers * 2 * keys * widths.cache),
        window=window,
        experts=Experts(
            total=experts.total, active=experts.active, bytes=round(layers * feed_forward * widths.weight)
        )
        if experts
        else None,
        work=TokenWork(
            layer_weights=layers * used, head_weights=head, attention_width=layers * queries, dtype=dtype
        )
        if dtype
        else None,
        stages=pp,
    )
