"""The parts of a model's `config.json` for heads, lengths and the size of the KV cache."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from runner.engines.decode_bytes import DTYPE_BYTES
from runner.run.layout import UNREADABLE

MAX_TP_SHOWN = 64
SCALED_ROPES = ("linear", "yarn", "dynamic")
"""Kinds of rope_scaling whose factor is not in max_position_embeddings; that of llama3 and longrope is."""


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of a Hugging Face model; None for a number that its config does not state."""

    heads: int
    kv_heads: int
    layers: int
    head_dim: int
    max_position: int | None = None
    """longest sequence of an engine that is built without max_seq_len"""
    dtype: str | None = None
    architecture: str = ""
    """class of the model; empty: not stated"""
    hidden: int = 0
    """width of the residual stream"""
    vocabulary: int | None = None
    tied_embedding: bool = False
    """the output head is the embedding"""

    def allowed_tp(self) -> list[int]:
        """Return the tensor-parallel sizes that fit."""
        return [tp for tp in range(1, min(self.heads, MAX_TP_SHOWN) + 1) if self.fits(tp)]

    def fits(self, tp: int) -> bool:
        """Check that the heads divide evenly; key/value heads may be repeated."""
        return self.heads % tp == 0 and (self.kv_heads % tp == 0 or tp % self.kv_heads == 0)

    def tp_problem(self, tp: int) -> str:
        """Return why this tensor-parallel size does not fit; empty when it does."""
        if self.fits(tp):
            return ""
        allowed = ", ".join(map(str, self.allowed_tp()))
        return (
            f"tp {tp} does not fit the model's {self.heads} heads and {self.kv_heads} key/value heads;"
            f" allowed: {allowed}"
        )

    def cache_bytes_per_token(self, tp: int, bytes_each: int) -> int:
        """Return the KV cache of one token on one GPU: keys and values of its heads, in all layers."""
        heads = max(self.kv_heads // tp, 1)
        return 2 * self.layers * heads * self.head_dim * bytes_each


def read_config(content: bytes | None) -> ModelConfig | None:
    """Decode a `config.json`; None for no content, or an unknown kind of model."""
    try:
        config = msgspec.json.decode(content or b"")
    except UNREADABLE:
        return None
    if not isinstance(config, dict):
        return None
    heads = _first(config, "num_attention_heads", "n_head", "num_heads", "encoder_attention_heads")
    layers = _first(config, "num_hidden_layers", "n_layer", "num_layers", "encoder_layers")
    hidden = _first(config, "hidden_size", "n_embd", "d_model")
    if heads is None or layers is None or hidden is None:
        return None
    dtype = config.get("torch_dtype", config.get("dtype"))
    return ModelConfig(
        heads=heads,
        kv_heads=_kv_heads(config, heads),
        layers=layers,
        head_dim=_first(config, "head_dim") or hidden // heads,
        max_position=_max_position(config),
        dtype=dtype if isinstance(dtype, str) and dtype in DTYPE_BYTES else None,
        architecture=_architecture(config),
        hidden=hidden,
        vocabulary=_first(config, "vocab_size"),
        tied_embedding=config.get("tie_word_embeddings") is True,
    )


def _architecture(config: dict[str, Any]) -> str:
    stated = config.get("architectures")
    return str(stated[0]) if isinstance(stated, list) and stated else ""


def _max_position(config: dict[str, Any]) -> int | None:
    """Return the length that trtllm-build deduces: positions x factor of a scaled rotary embedding."""
    positions = _first(config, "max_position_embeddings", "n_positions", "seq_length")
    scaling = config.get("rope_scaling")
    if positions is None or not isinstance(scaling, dict):
        return positions
    factor = scaling.get("factor")
    kind = scaling.get("type", scaling.get("rope_type"))
    if kind not in SCALED_ROPES or not isinstance(factor, int | float) or factor <= 1:
        return positions
    return math.ceil(positions * factor)


def _kv_heads(config: dict[str, Any], heads: int) -> int:
    # The first Falcon models share one key/value head and state it as `multi_query`.
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        return 1
    return _first(config, "num_key_value_heads", "num_kv_heads") or heads


def _first(config: dict[str, Any], *names: str) -> int | None:
    """Return the value of the first of these keys that has a positive whole number."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
