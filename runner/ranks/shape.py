"""The shape of a decoder, read from the `config.json` of a model folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from runner.ranks.errors import StartError


@dataclass(frozen=True)
class RopeScaling:
    """How Llama 3.1 stretches the rotary embedding (`rope_type` llama3)."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


@dataclass(frozen=True)
class DecoderShape:
    """Shape of a decoder-only transformer, with the names of a Hugging Face `config.json`.

    Names and defaults are those of `runner.engines.model_shape`, repeated here because the measured
    environment may lack the imports of that module.
    """

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int
    head_dim: int | None = None
    attention_bias: bool = False
    qk_norm: bool = False
    tie_word_embeddings: bool = False
    rope_theta: float = 10000.0
    rope_scaling: RopeScaling | None = None
    rms_norm_eps: float = 1e-6

    @property
    def width_of_head(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads


def shape_of(values: Mapping[str, Any]) -> DecoderShape:
    """Return the shape from the values of a `config.json`; unknown keys are skipped.

    Raises:
        TypeError: a key without a default is missing, or the scaling has other keys.
    """
    known = {field.name for field in fields(DecoderShape)}
    found = {key: value for key, value in values.items() if key in known}
    if found.get("rope_scaling") is not None:
        found["rope_scaling"] = RopeScaling(**found["rope_scaling"])
    return DecoderShape(**found)


def read_shape(path: Path) -> DecoderShape:
    """Read a `config.json`.

    Raises:
        StartError: the file cannot be read, or a key without a default is missing.
    """
    try:
        return shape_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StartError(f"{path} is not the shape of a model: {error}") from error
