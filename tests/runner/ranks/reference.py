"""The decoder once more, written as plainly as possible: the whole sequence, no cache, no split."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from runner.ranks.shape import DecoderShape
from runner.ranks.weights import RandomSource

Parameters = Callable[..., torch.Tensor]
"""Returns a parameter by its name and size, of the whole model."""


def random_parameters(source: RandomSource) -> Parameters:
    """Random weights, whose norms have the scale 1."""

    def parameter(name: str, *size: int) -> torch.Tensor:
        return torch.ones(size) if name.endswith("norm.weight") else source.draw(name, *size)

    return parameter


def logits(shape: DecoderShape, parameter: Parameters, tokens: torch.Tensor) -> torch.Tensor:
    """Logits after every token of `tokens` [batch, length]: [batch, length, vocabulary]."""
    embedding = parameter("model.embed_tokens.weight", shape.vocab_size, shape.hidden_size)
    hidden = embedding[tokens]
    for index in range(shape.num_hidden_layers):
        name = f"model.layers.{index}"
        normal = _norm(shape, hidden, parameter(f"{name}.input_layernorm.weight", shape.hidden_size))
        hidden = hidden + _attention(shape, parameter, f"{name}.self_attn", normal)
        scale = parameter(f"{name}.post_attention_layernorm.weight", shape.hidden_size)
        hidden = hidden + _feed_forward(shape, parameter, f"{name}.mlp", _norm(shape, hidden, scale))
    head = embedding
    if not shape.tie_word_embeddings:
        head = parameter("lm_head.weight", shape.vocab_size, shape.hidden_size)
    return _norm(shape, hidden, parameter("model.norm.weight", shape.hidden_size)) @ head.T


def _norm(shape: DecoderShape, hidden: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return scale * hidden / (hidden.pow(2).mean(-1, keepdim=True) + shape.rms_norm_eps).sqrt()


def _attention(shape: DecoderShape, parameter: Parameters, name: str, hidden: torch.Tensor) -> torch.Tensor:
    batch, length, _ = hidden.shape
    width, heads = shape.width_of_head, shape.num_attention_heads
    kv_heads = shape.num_key_value_heads

    def project(letter: str, count: int) -> Any:
        rows = count * width
        result = hidden @ parameter(f"{name}.{letter}_proj.weight", rows, shape.hidden_size).T
        if shape.attention_bias:
            result = result + parameter(f"{name}.{letter}_proj.bias", rows)
        result = result.view(batch, length, count, width)
        if shape.qk_norm and letter in "qk":
            result = _norm(shape, result, parameter(f"{name}.{letter}_norm.weight", width))
        return result

    queries, keys = _rotate(shape, project("q", heads)), _rotate(shape, project("k", kv_heads))
    values = project("v", kv_heads)
    mixed = torch.zeros(batch, length, heads, width)
    for head in range(heads):
        shared = head * kv_heads // heads
        scores = queries[:, :, head] @ keys[:, :, shared].transpose(1, 2) / width**0.5
        for position in range(length):
            scores[:, position, position + 1 :] = float("-inf")
        mixed[:, :, head] = scores.softmax(-1) @ values[:, :, shared]
    out = parameter(f"{name}.o_proj.weight", shape.hidden_size, heads * width)
    return mixed.reshape(batch, length, heads * width) @ out.T


def _rotate(shape: DecoderShape, heads: torch.Tensor) -> torch.Tensor:
    """Turns the pair (i, i + width / 2) of position p by the angle p * frequency(i)."""
    half = shape.width_of_head // 2
    turned = heads.clone()
    for position in range(heads.shape[1]):
        for i in range(half):
            angle = position * _frequency(shape, i)
            cos, sin = math.cos(angle), math.sin(angle)
            a, b = heads[:, position, :, i], heads[:, position, :, i + half]
            turned[:, position, :, i] = a * cos - b * sin
            turned[:, position, :, i + half] = b * cos + a * sin
    return turned


def _frequency(shape: DecoderShape, i: int) -> float:
    """theta^(-2i / width), which Llama 3.1 changes by the wavelength."""
    frequency: float = shape.rope_theta ** (-2 * i / shape.width_of_head)
    scaling = shape.rope_scaling
    if scaling is None:
        return frequency
    context, wavelength = scaling.original_max_position_embeddings, 2 * math.pi / frequency
    if wavelength < context / scaling.high_freq_factor:
        return frequency
    if wavelength > context / scaling.low_freq_factor:
        return frequency / scaling.factor
    span = scaling.high_freq_factor - scaling.low_freq_factor
    smooth = (context / wavelength - scaling.low_freq_factor) / span
    return (1 - smooth) * frequency / scaling.factor + smooth * frequency


def _feed_forward(
    shape: DecoderShape, parameter: Parameters, name: str, hidden: torch.Tensor
) -> torch.Tensor:
    size = shape.intermediate_size, shape.hidden_size
    gate = hidden @ parameter(f"{name}.gate_proj.weight", *size).T
    up = hidden @ parameter(f"{name}.up_proj.weight", *size).T
    down = parameter(f"{name}.down_proj.weight", shape.hidden_size, shape.intermediate_size)
    return (gate * gate.sigmoid() * up) @ down.T
