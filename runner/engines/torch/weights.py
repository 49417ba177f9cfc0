"""The weights of a torch profile: random, or a checkpoint that is checked before anything starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from runner.engines.model_shape import TransformerShape, read_config, rope_of
from runner.engines.torch.profile import TorchProfile
from runner.plan.plan import ModelWeights
from runner.ranks.checkpoint import Checkpoint, fingerprint, open_checkpoint
from runner.ranks.errors import CheckpointError
from runner.ranks.shape import shape_of
from runner.util.errors import UserError

ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
ROPE_TYPES = ("default", "llama3")
_ACTIVATIONS = ("silu", "swish")
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def find_weights(profile: TorchProfile, shape: TransformerShape) -> tuple[ModelWeights, list[str]]:
    """Return the weights to measure, and notes for the user.

    Raises:
        UserError: the checkpoint is damaged, incomplete, or of a model that the engine does not implement.
    """
    if profile.model.weights == "random":
        return ModelWeights(), []
    config, source = read_config(Path(profile.model.dir or ""))
    longest = max(sum(pair) for pair in profile.benchmark.input_output_len)
    problem = _problem(config, longest)
    if problem:
        raise UserError(
            f"{source}: {problem}",
            hint="model.weights=random measures a model of this shape without its weights",
        )
    folder = Path(os.path.abspath(os.path.expanduser(profile.model.dir or "")))
    try:
        found = open_checkpoint(folder, shape_of(msgspec.to_builtins(shape)))
        weights = ModelWeights(folder=str(folder), bytes=found.nbytes, fingerprint=fingerprint(found))
    except CheckpointError as error:
        raise UserError(f"model.dir: {error}") from None
    return weights, list(_notes(found, profile, window_of(config)))


def window_of(config: dict[str, Any]) -> int | None:
    """Return how many tokens attention sees at most; None: all."""
    uses = config.get("use_sliding_window", config.get("model_type") == "mistral")
    window = config.get("sliding_window")
    return window if uses and isinstance(window, int) and window > 0 else None


def _problem(config: dict[str, Any], longest: int) -> str:
    """Return why the engine would compute something else than the model of a config; empty: it does not."""
    quantisation = config.get("quantization_config") or config.get("compression_config")
    if quantisation:
        method = quantisation.get("quant_method", "?") if isinstance(quantisation, dict) else "?"
        return f"the checkpoint is quantised ({method}); allowed: float32, float16, bfloat16"
    architectures = config.get("architectures")
    if isinstance(architectures, list) and not set(map(str, architectures)) & set(ARCHITECTURES):
        names = ", ".join(map(str, architectures))
        return f"the torch engine does not implement {names}; allowed: {', '.join(ARCHITECTURES)}"
    if config.get("hidden_act", "silu") not in _ACTIVATIONS:
        return f"hidden_act {config['hidden_act']!r} is not implemented; allowed: silu"
    kind, rope = rope_of(config)
    if kind not in ROPE_TYPES:
        return f"rotary embedding of type {kind!r} is not implemented; allowed: {', '.join(ROPE_TYPES)}"
    part = config.get("partial_rotary_factor") or rope.get("partial_rotary_factor")
    if part not in (None, 1):
        return f"partial_rotary_factor {part} is not implemented; allowed: 1"
    window = window_of(config)
    if window is not None and longest > window:
        return (
            f"attention of this model sees {window} tokens, and the torch engine attends to all: a sequence"
            f" of {longest} would differ; lower benchmark.input_output_len"
        )
    return ""


def _notes(checkpoint: Checkpoint, profile: TorchProfile, window: int | None) -> list[str]:
    notes = []
    stored = [_DTYPES[dtype] for dtype in checkpoint.dtypes]
    if stored != [profile.model.dtype]:
        notes.append(f"weights are stored as {' and '.join(stored)} and converted to {profile.model.dtype}")
    if window is not None:
        notes.append(f"no sequence is longer than the sliding window of {window} tokens, so it has no effect")
    return notes
