"""A model's shape from a Hugging Face `config.json`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from runner.errors import UserError
from runner.profile import Shape
from runner.schema.validation import check_section

SUPPORTED = ("llama", "mistral", "qwen2", "qwen3")
"""model types that are the decoder our engine has: RMSNorm, rotary embedding, SwiGLU"""


def read_shape(directory: Path) -> Shape:
    """The shape that `config.json` of a model folder describes.

    Raises:
        UserError: no such file, not a config, a kind of model the engine does not have, a missing key.
    """
    path = Path(os.path.expanduser(directory)) / "config.json"
    try:
        config = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"model.dir: cannot read {path}: {error.strerror}",
            hint="give the folder of a Hugging Face model, the one that holds config.json",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: expected a JSON object with the model's shape")
    return shape_of(config, str(path))


def shape_of(config: dict[str, Any], source: str) -> Shape:
    """The shape in a decoded config; `source` names it in messages.

    Raises:
        UserError: a kind of model the engine does not have, a missing key.
    """
    model_type = config.get("model_type", "llama")
    if model_type not in SUPPORTED:
        raise UserError(
            f"{source}: model_type {model_type!r} is not a decoder that the torch engine has;"
            f" it has {', '.join(SUPPORTED)}"
        )
    rope = config.get("rope_parameters")
    rope_theta = config.get("rope_theta") or (rope.get("rope_theta") if isinstance(rope, dict) else None)
    values = {
        "hidden_size": config.get("hidden_size"),
        "intermediate_size": config.get("intermediate_size"),
        "num_hidden_layers": config.get("num_hidden_layers"),
        "num_attention_heads": config.get("num_attention_heads"),
        "num_key_value_heads": config.get("num_key_value_heads") or config.get("num_attention_heads"),
        "vocab_size": config.get("vocab_size"),
        "head_dim": config.get("head_dim"),
        # Qwen2 has these biases always and no key for them.
        "attention_bias": bool(config.get("attention_bias", False)) or model_type == "qwen2",
        "tie_word_embeddings": bool(config.get("tie_word_embeddings", False)),
        "rope_theta": rope_theta or 10000.0,
        "rms_norm_eps": config.get("rms_norm_eps", 1e-6),
    }
    missing = [key for key, value in values.items() if value is None and key != "head_dim"]
    if missing:
        raise UserError(f"{source}: {', '.join(missing)} missing, so the model's shape is not known")
    problems = list(check_section(Shape, values))
    if problems:
        raise UserError("\n".join(f"{source}: {problem.path}: {problem.message}" for problem in problems))
    return msgspec.convert(values, Shape)
