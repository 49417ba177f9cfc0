"""The shape of a decoder, read from the `config.json` of a model folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

from runner.ranks.errors import StartError


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
    tie_word_embeddings: bool = False
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6

    @property
    def width_of_head(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads


def read_shape(path: Path) -> DecoderShape:
    """Read a `config.json`; unknown keys are skipped.

    Raises:
        StartError: the file cannot be read, or a key without a default is missing.
    """
    known = {field.name for field in fields(DecoderShape)}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return DecoderShape(**{key: value for key, value in values.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StartError(f"{path} is not the shape of a model: {error}") from error
