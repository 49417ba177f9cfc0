"""A tensor-parallel decoder-only transformer with a static key/value cache.

RMSNorm, rotary embedding (Hugging Face's rotate-half order), grouped-query attention, SwiGLU. Queries, keys,
values, gate and up projection are split by columns, output and down projection by rows with a sum over ranks
after each; embedding and head are split by vocabulary. Call everything under `torch.inference_mode()`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from runner.ranks.collectives import Collectives
from runner.ranks.quantized import linear
from runner.ranks.shape import DecoderShape, RopeScaling
from runner.ranks.weight_shards import WeightShard
from runner.ranks.weights import LayerWeights, Weights


@dataclass
class Cache:
    """Keys and values of earlier tokens, [layers, batch, key/value heads of this rank, positions, width]."""

    keys: torch.Tensor
    values: torch.Tensor
    filled: int = 0
    """positions in use"""


class Decoder:
    """One rank's part of the model."""

    def __init__(
        self, shape: DecoderShape, weights: Weights, collectives: Collectives, positions: int
    ) -> None:
        """`positions` is the longest sequence, in tokens."""
        self.shape = shape
        self.weights = weights
        self.collectives = collectives
        share = WeightShard(collectives.rank, collectives.world)
        self.query_heads = _length(share.queries(shape))
        self.key_heads = _length(share.keys(shape))
        self.cos, self.sin = _rotary_tables(shape, positions, weights.embedding)
        """[positions, width of a head] each"""

    def new_cache(self, batch: int, positions: int) -> Cache:
        """Return an empty cache for sequences of up to `positions` tokens; its memory is not cleared."""
        size = (self.shape.num_hidden_layers, batch, self.key_heads, positions, self.shape.width_of_head)
        like = self.weights.embedding
        return Cache(like.new_empty(size), like.new_empty(size))

    def prefill(self, prompt: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Fill an empty cache from a prompt, [batch, tokens] int64.

        Returns:
            Logits of the token after the prompt, [batch, vocabulary rows of this rank].
        """
        return self._forward(prompt, cache)

    def decode(self, tokens: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Append one token per sequence, [batch] int64; return logits of the next one, like `prefill`."""
        return self._forward(tokens[:, None], cache)

    def greedy(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the most likely next token of each sequence, [batch] int64, the same on every rank."""
        best = logits.max(dim=-1)
        return self.collectives.greedy(best.values, best.indices + self.weights.vocab_start)

    def _forward(self, tokens: torch.Tensor, cache: Cache) -> torch.Tensor:
        start, end = cache.filled, cache.filled + tokens.shape[1]
        rotation = self.cos[start:end], self.sin[start:end]
        hidden = self.embed(tokens)
        for index, layer in enumerate(self.weights.layers):
            keys, values = cache.keys[index, :, :, :end], cache.values[index, :, :, :end]
            hidden += self._attention(layer, hidden, keys, values, rotation)
            hidden += self._feed_forward(layer, hidden)
        cache.filled = end
        return functional.linear(self._normalize(hidden[:, -1], self.weights.norm), self.weights.head)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of [batch, tokens] int64, [batch, tokens, hidden], the same on every rank."""
        table = self.weights.embedding
        if self.collectives.world == 1:
            return functional.embedding(tokens, table)
        rows = tokens - self.weights.vocab_start
        foreign = (rows < 0) | (rows >= table.shape[0])
        hidden = functional.embedding(rows.masked_fill(foreign, 0), table)
        hidden.masked_fill_(foreign[..., None], 0)
        self.collectives.all_reduce_sum(hidden)
        return hidden

    def _attention(
        self,
        layer: LayerWeights,
        hidden: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """Write the newest positions of `keys` and `values`, and attend to all of them."""
        batch, length, _ = hidden.shape
        width = self.shape.width_of_head
        qkv = linear(self._normalize(hidden, layer.attention_norm), layer.qkv, layer.qkv_bias)
        heads = qkv.view(batch, length, -1, width).transpose(1, 2)
        turned = self.query_heads + self.key_heads
        rotated = _rotate(self._normalize_heads(layer, heads[:, :turned]), *rotation)
        keys[:, :, -length:] = rotated[:, self.query_heads :]
        values[:, :, -length:] = heads[:, turned:]
        queries = rotated[:, : self.query_heads]
        mixed = _attend_causally(queries, keys, values) if length > 1 else _attend(queries, keys, values)
        mixed = linear(mixed.transpose(1, 2).reshape(batch, length, -1), layer.out)
        self.collectives.all_reduce_sum(mixed)
        return mixed

    def _feed_forward(self, layer: LayerWeights, hidden: torch.Tensor) -> torch.Tensor:
        both = linear(self._normalize(hidden, layer.feed_forward_norm), layer.gate_up)
        gate, up = both.chunk(2, dim=-1)
        result = linear(functional.silu(gate) * up, layer.down)
        self.collectives.all_reduce_sum(result)
        return result

    def _normalize_heads(self, layer: LayerWeights, heads: torch.Tensor) -> torch.Tensor:
        """Apply the RMSNorm of queries and keys, if the model has them, to [batch, heads, tokens, width]."""
        if layer.head_norm is None:
            return heads
        both = zip(heads.split((self.query_heads, self.key_heads), 1), layer.head_norm.chunk(2), strict=True)
        return torch.cat([self._normalize(part, scale) for part, scale in both], dim=1)

    def _normalize(self, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(hidden, weight.shape, weight, self.shape.rms_norm_eps)


def _attend_causally(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the attention of a whole prompt to itself; all [batch, heads, tokens, width]."""
    batch, heads, length, width = queries.shape

    def for_every_query(tensor: torch.Tensor) -> torch.Tensor:
        groups = heads // tensor.shape[1]
        return tensor[:, :, None].expand(-1, -1, groups, -1, -1).reshape(batch, heads, length, width)

    return functional.scaled_dot_product_attention(
        queries, for_every_query(keys), for_every_query(values), is_causal=True
    )


def _attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the attention of one new token to all earlier ones; queries [batch, heads, 1, width].

    Query heads that share a key/value head take the place of tokens, so the cache is read as it lies, not
    copied for each of them.
    """
    batch, heads, _, width = queries.shape
    grouped = queries.reshape(batch, keys.shape[1], -1, width)
    mixed = functional.scaled_dot_product_attention(grouped, keys, values)
    return mixed.reshape(batch, heads, 1, width)


def _rotate(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Return the rotary embedding of [batch, heads, tokens, width]; the tables are [tokens, width]."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((-second, first), dim=-1) * sin


def _rotary_tables(
    shape: DecoderShape, positions: int, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosine and sine, [positions, width] each, computed in float32, typed and placed as `like`."""
    width = shape.width_of_head
    exponents = torch.arange(0, width, 2, dtype=torch.float32) / width
    frequencies = shape.rope_theta**-exponents
    if shape.rope_scaling is not None:
        frequencies = _stretch(frequencies, shape.rope_scaling)
    angles = torch.outer(torch.arange(positions, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(like), angles.sin().to(like)


def _stretch(frequencies: torch.Tensor, scaling: RopeScaling) -> torch.Tensor:
    """Return the frequencies, radians per token, as Llama 3.1 scales them.

    Wavelengths above `original / low_freq_factor` are stretched by `factor`, those below
    `original / high_freq_factor` stay, and between them the share is linear in `original / wavelength`
    (`_compute_llama3_parameters` of Hugging Face transformers, modeling_rope_utils.py).
    """
    turns = scaling.original_max_position_embeddings * frequencies / (2 * math.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return frequencies * (kept + (1 - kept) / scaling.factor)


def _length(part: slice) -> int:
    return int(part.stop - part.start)
