"""The parameters of a decoder by their Hugging Face names, and the part of each that a rank keeps.

Pure data without torch, so that `doctor` can check a checkpoint and count memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runner.ranks.shape import DecoderShape

Parts = dict[str, list["Part"]]
"""field of `Weights` or `LayerWeights` -> the parameters that it has, one below the other"""
MATRICES = ("qkv", "out", "gate_up", "down")
"""the fields of `LayerWeights` that may be quantised"""


@dataclass(frozen=True)
class WeightShard:
    """The part of the model that a rank has."""

    rank: int
    world: int

    def vocab(self, shape: DecoderShape) -> slice:
        """Rows of embedding and head; ranks differ by at most one."""
        size = shape.vocab_size
        return slice(self.rank * size // self.world, (self.rank + 1) * size // self.world)

    def queries(self, shape: DecoderShape) -> slice:
        """Query heads."""
        count = shape.num_attention_heads // self.world
        return slice(self.rank * count, (self.rank + 1) * count)

    def keys(self, shape: DecoderShape) -> slice:
        """Key/value heads; with more ranks than heads, neighbouring ranks have the same one."""
        count = shape.num_key_value_heads
        held = max(1, count // self.world)
        first = self.rank * count // self.world
        return slice(first, first + held)

    def feed_forward(self, shape: DecoderShape) -> slice:
        """Units of the feed-forward layer."""
        count = shape.intermediate_size // self.world
        return slice(self.rank * count, (self.rank + 1) * count)


WHOLE = WeightShard(0, 1)


@dataclass(frozen=True)
class Part:
    """A parameter, and what a rank keeps of it."""

    name: str
    size: tuple[int, ...]
    """[outputs, inputs] of a matrix, or [values]"""
    rows: slice
    """of the first dimension"""
    columns: slice
    """of the second one; of a vector without meaning"""

    @property
    def kept(self) -> tuple[int, ...]:
        """The size of what the rank keeps."""
        rows = int(self.rows.stop - self.rows.start)
        return (rows, int(self.columns.stop - self.columns.start)) if len(self.size) > 1 else (rows,)

    @property
    def is_norm(self) -> bool:
        return self.name.endswith("norm.weight")


def outer_parts(shape: DecoderShape, share: WeightShard) -> Parts:
    """Return the parameters outside of the layers; without `head` if it is the embedding."""
    size = (shape.vocab_size, shape.hidden_size)
    rows = share.vocab(shape)
    parts = {
        "embedding": [_rows("model.embed_tokens.weight", size, rows)],
        "norm": [_vector("model.norm.weight", shape.hidden_size)],
    }
    if not shape.tie_word_embeddings:
        parts["head"] = [_rows("lm_head.weight", size, rows)]
    return parts


def layer_parts(shape: DecoderShape, share: WeightShard, index: int) -> Parts:
    """Return the parameters of a layer; those that the model does not have are missing."""
    layer = f"model.layers.{index}"
    attention, feed_forward = f"{layer}.self_attn", f"{layer}.mlp"
    hidden, width, units = shape.hidden_size, shape.width_of_head, shape.intermediate_size
    queries, keys = _scaled(share.queries(shape), width), _scaled(share.keys(shape), width)
    held = share.feed_forward(shape)
    all_queries, all_keys = shape.num_attention_heads * width, shape.num_key_value_heads * width
    heads = (("q", all_queries, queries), ("k", all_keys, keys), ("v", all_keys, keys))
    parts = {
        "attention_norm": [_vector(f"{layer}.input_layernorm.weight", hidden)],
        "qkv": [_rows(f"{attention}.{one}_proj.weight", (size, hidden), kept) for one, size, kept in heads],
        "out": [_columns(f"{attention}.o_proj.weight", (hidden, all_queries), queries)],
        "feed_forward_norm": [_vector(f"{layer}.post_attention_layernorm.weight", hidden)],
        "gate_up": [
            _rows(f"{feed_forward}.{one}_proj.weight", (units, hidden), held) for one in ("gate", "up")
        ],
        "down": [_columns(f"{feed_forward}.down_proj.weight", (hidden, units), held)],
    }
    if shape.attention_bias:
        parts["qkv_bias"] = [
            _rows(f"{attention}.{one}_proj.bias", (size,), kept) for one, size, kept in heads
        ]
    if shape.qk_norm:
        parts["head_norm"] = [_vector(f"{attention}.{one}_norm.weight", width) for one in ("q", "k")]
    return parts


def all_parts(shape: DecoderShape) -> Iterator[Part]:
    """Yield every parameter of the whole model."""
    layers = (layer_parts(shape, WHOLE, index) for index in range(shape.num_hidden_layers))
    for parts in (outer_parts(shape, WHOLE), *layers):
        for one in parts.values():
            yield from one


def _rows(name: str, size: tuple[int, ...], kept: slice) -> Part:
    return Part(name, size, kept, slice(0, size[-1]))


def _columns(name: str, size: tuple[int, int], kept: slice) -> Part:
    return Part(name, size, slice(0, size[0]), kept)


def _vector(name: str, size: int) -> Part:
    return _rows(name, (size,), slice(0, size))


def _scaled(heads: slice, width: int) -> slice:
    return slice(heads.start * width, heads.stop * width)
