"""The shape of a decoder-only model: its fields, its rules, and reading it from a `config.json`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from runner.run.layout import UNREADABLE
from runner.schema.base import PositiveInt, Problem, Section
from runner.schema.validation import check_section
from runner.util.errors import UserError
from runner.util.files import read_file

SUPPORTED = ("llama", "mistral", "qwen2", "qwen3")
"""model types that the torch engine's decoder implements: RMSNorm, rotary embedding, SwiGLU"""

MAX_TP_SHOWN = 1024
_OPTIONAL = ("head_dim", "rope_scaling")


class RopeScaling(Section, frozen=True):
    """How Llama 3.1 stretches the rotary embedding for long contexts (`rope_type` llama3)."""

    factor: Annotated[float, Meta(gt=0, description="factor of the long wavelengths")]
    low_freq_factor: Annotated[
        float,
        Meta(gt=0, description="the factor applies in full above the original context / this"),
    ]
    high_freq_factor: Annotated[
        float, Meta(gt=0, description="and not at all below the original context / this")
    ]
    original_max_position_embeddings: Annotated[
        PositiveInt, Meta(description="the original context", extra={"unit": "tokens"})
    ]


class TransformerShape(Section, frozen=True):
    """Shape of a decoder-only transformer, with the names of a Hugging Face `config.json`."""

    hidden_size: Annotated[PositiveInt, Meta(description="width of the residual stream")]
    intermediate_size: Annotated[PositiveInt, Meta(description="width of the SwiGLU feed-forward layer")]
    num_hidden_layers: Annotated[PositiveInt, Meta(description="number of decoder layers")]
    num_attention_heads: Annotated[PositiveInt, Meta(description="number of query heads")]
    num_key_value_heads: Annotated[
        PositiveInt, Meta(description="number of key/value heads (grouped-query attention)")
    ]
    vocab_size: Annotated[PositiveInt, Meta(description="number of tokens in the vocabulary")]
    head_dim: Annotated[
        PositiveInt | None, Meta(description="width of one head; null: hidden_size / num_attention_heads")
    ] = None
    attention_bias: Annotated[
        bool, Meta(description="bias on the query, key and value projections (Qwen2)")
    ] = False
    qk_norm: Annotated[bool, Meta(description="RMSNorm of each head of the queries and keys (Qwen3)")] = False
    tie_word_embeddings: Annotated[bool, Meta(description="the output head reuses the embedding")] = False
    rope_theta: Annotated[float, Meta(gt=0, description="base of the rotary embedding")] = 10000.0
    rope_scaling: Annotated[
        RopeScaling | None, Meta(description="scaling of the rotary embedding (Llama 3.1); null: none")
    ] = None
    rms_norm_eps: Annotated[float, Meta(gt=0, description="epsilon of RMSNorm")] = 1e-6

    @property
    def width_of_head(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def parameters(self) -> int:
        """Number of weights of the whole model, over all ranks."""
        q = self.num_attention_heads * self.width_of_head
        kv = self.num_key_value_heads * self.width_of_head
        attention = self.hidden_size * (2 * q + 2 * kv) + (q + 2 * kv if self.attention_bias else 0)
        attention += 2 * self.width_of_head if self.qk_norm else 0
        layer = attention + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        return self.num_hidden_layers * layer + embeddings + self.hidden_size


def shape_rules(shape: TransformerShape, tp: int) -> list[Problem]:
    """Return the broken rules of a shape and a tensor-parallel size."""
    problems = []
    heads, kv_heads = shape.num_attention_heads, shape.num_key_value_heads
    if heads % kv_heads:
        problems.append(
            Problem(
                "model.shape.num_key_value_heads", f"{kv_heads} does not divide num_attention_heads {heads}"
            )
        )
    if shape.head_dim is None and shape.hidden_size % heads:
        problems.append(
            Problem(
                "model.shape.num_attention_heads",
                f"{heads} does not divide hidden_size {shape.hidden_size}; set head_dim",
            )
        )
    elif shape.width_of_head % 2:
        problems.append(
            Problem(
                "model.shape",
                f"the width of a head is {shape.width_of_head}; rotary embedding needs an even one",
            )
        )
    scaling = shape.rope_scaling
    if scaling is not None and scaling.high_freq_factor <= scaling.low_freq_factor:
        problems.append(
            Problem(
                "model.shape.rope_scaling.high_freq_factor",
                f"{scaling.high_freq_factor:g} must be above low_freq_factor {scaling.low_freq_factor:g}",
            )
        )
    if not problems and not tp_fits(shape, tp):
        allowed = [n for n in range(1, min(heads, MAX_TP_SHOWN) + 1) if tp_fits(shape, n)]
        problems.append(
            Problem(
                "parallel.tp",
                f"tp {tp} does not fit {heads} query heads, {kv_heads} key/value heads and intermediate_size"
                f" {shape.intermediate_size}; allowed: {', '.join(map(str, allowed))}",
            )
        )
    return problems


def tp_fits(shape: TransformerShape, tp: int) -> bool:
    """Check that all heads and the feed-forward layer divide evenly; key/value heads may be repeated."""
    kv = shape.num_key_value_heads
    return (
        shape.num_attention_heads % tp == 0
        and (kv % tp == 0 or tp % kv == 0)
        and shape.intermediate_size % tp == 0
    )


def read_shape(directory: Path) -> TransformerShape:
    """Read the shape from `config.json` in a model folder.

    Raises:
        UserError: no such file, not a config, an unsupported kind of model, or a missing key.
    """
    return shape_of(*read_config(directory))


def read_config(directory: Path) -> tuple[dict[str, Any], str]:
    """Return the decoded `config.json` of a model folder, and its path for messages.

    Raises:
        UserError: no such file, or not a config.
    """
    path = Path(os.path.expanduser(directory)) / "config.json"
    try:
        config = msgspec.json.decode(read_file(path))
    except OSError as error:
        raise UserError(
            f"model.dir: cannot read {path}: {error.strerror}",
            hint="give the folder of a Hugging Face model, the one with config.json",
        ) from None
    except UNREADABLE as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: expected a JSON object with the model's shape")
    return config, str(path)


def shape_of(config: dict[str, Any], source: str) -> TransformerShape:
    """Return the shape in a decoded config; `source` names it in messages.

    Raises:
        UserError: an unsupported kind of model, or a missing key.
    """
    model_type = config.get("model_type", "llama")
    if model_type not in SUPPORTED:
        raise UserError(
            f"{source}: the torch engine does not support model_type {model_type!r};"
            f" allowed: {', '.join(SUPPORTED)}"
        )
    kind, rope = rope_of(config)
    rope_theta = config.get("rope_theta") or rope.get("rope_theta")
    values = {
        "hidden_size": config.get("hidden_size"),
        "intermediate_size": config.get("intermediate_size"),
        "num_hidden_layers": config.get("num_hidden_layers"),
        "num_attention_heads": config.get("num_attention_heads"),
        "num_key_value_heads": config.get("num_key_value_heads") or config.get("num_attention_heads"),
        "vocab_size": config.get("vocab_size"),
        "head_dim": config.get("head_dim"),
        # Qwen2 always has these biases, and no key for them.
        "attention_bias": bool(config.get("attention_bias", False)) or model_type == "qwen2",
        # Qwen3 always has these norms, and no key for them.
        "qk_norm": model_type == "qwen3",
        "tie_word_embeddings": bool(config.get("tie_word_embeddings", False)),
        "rope_theta": rope_theta or 10000.0,
        "rope_scaling": {key: rope[key] for key in RopeScaling.__struct_fields__ if key in rope}
        if kind == "llama3"
        else None,
        "rms_norm_eps": config.get("rms_norm_eps", 1e-6),
    }
    missing = [key for key, value in values.items() if value is None and key not in _OPTIONAL]
    if missing:
        raise UserError(f"{source}: {', '.join(missing)} missing, so the model's shape is not known")
    problems = list(check_section(TransformerShape, values))
    if problems:
        raise UserError("\n".join(f"{source}: {problem.path}: {problem.message}" for problem in problems))
    return msgspec.convert(values, TransformerShape)


def rope_of(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the kind of rotary embedding of a decoded config, `default` without one, and its parameters.

    Older configs have `rope_scaling`, newer ones `rope_parameters`, which also has the base.
    """
    given = config.get("rope_scaling") or config.get("rope_parameters")
    rope = given if isinstance(given, dict) else {}
    return str(rope.get("rope_type") or rope.get("type") or "default"), rope
