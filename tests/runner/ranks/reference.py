"""The decoder once more, written as plainly as possible: the whole sequence, no cache, no split."""

from __future__ import annotations

from typing import Any

import torch

from runner.ranks.shape import DecoderShape
from runner.ranks.weights import Source


def logits(shape: DecoderShape, source: Source, tokens: torch.Tensor) -> torch.Tensor:
    """Logits after every token of `tokens` [batch, length]: [batch, length, vocabulary]."""
    embedding = source.draw("model.embed_tokens.weight", shape.vocab_size, shape.hidden_size)
    hidden = embedding[tokens]
    for index in range(shape.num_hidden_layers):
        name = f"model.layers.{index}"
        hidden = hidden + _attention(shape, source, f"{name}.self_attn", _norm(shape, hidden))
        hidden = hidden + _feed_forward(shape, source, f"{name}.mlp", _norm(shape, hidden))
    head = embedding
    if not shape.tie_word_embeddings:
        head = source.draw("lm_head.weight", shape.vocab_size, shape.hidden_size)
    return _norm(shape, hidden) @ head.T


def _norm(shape: DecoderShape, hidden: torch.Tensor) -> torch.Tensor:
    return hidden / (hidden.pow(2).mean(-1, keepdim=True) + shape.rms_norm_eps).sqrt()


def _attention(shape: DecoderShape, source: Source, name: str, hidden: torch.Tensor) -> torch.Tensor:
    batch, length, _ = hidden.shape
    width, heads = shape.width_of_head, shape.num_attention_heads
    kv_heads = shape.num_key_value_heads

    def project(letter: str, count: int) -> Any:
        rows = count * width
        result = hidden @ source.draw(f"{name}.{letter}_proj.weight", rows, shape.hidden_size).T
        if shape.attention_bias:
            result = result + source.draw(f"{name}.{letter}_proj.bias", rows)
        return result.view(batch, length, count, width)

    queries, keys = _rotate(shape, project("q", heads)), _rotate(shape, project("k", kv_heads))
    values = project("v", kv_heads)
    mixed = torch.zeros(batch, length, heads, width)
    for head in range(heads):
        shared = head * kv_heads // heads
        scores = queries[:, :, head] @ keys[:, :, shared].transpose(1, 2) / width**0.5
        for position in range(length):
            scores[:, position, position + 1 :] = float("-inf")
        mixed[:, :, head] = scores.softmax(-1) @ values[:, :, shared]
    out = source.draw(f"{name}.o_proj.weight", shape.hidden_size, heads * width)
    return mixed.reshape(batch, length, heads * width) @ out.T


def _rotate(shape: DecoderShape, heads: torch.Tensor) -> torch.Tensor:
    """Turns the pair (i, i + width / 2) of position p by the angle p / theta^(2i / width)."""
    half = shape.width_of_head // 2
    turned = heads.clone()
    for position in range(heads.shape[1]):
        for i in range(half):
            angle = torch.tensor(position / shape.rope_theta ** (2 * i / shape.width_of_head))
            a, b = heads[:, position, :, i], heads[:, position, :, i + half]
            turned[:, position, :, i] = a * angle.cos() - b * angle.sin()
            turned[:, position, :, i + half] = b * angle.cos() + a * angle.sin()
    return turned


def _feed_forward(shape: DecoderShape, source: Source, name: str, hidden: torch.Tensor) -> torch.Tensor:
    size = shape.intermediate_size, shape.hidden_size
    gate = hidden @ source.draw(f"{name}.gate_proj.weight", *size).T
    up = hidden @ source.draw(f"{name}.up_proj.weight", *size).T
    down = source.draw(f"{name}.down_proj.weight", shape.hidden_size, shape.intermediate_size)
    return (gate * gate.sigmoid() * up) @ down.T
