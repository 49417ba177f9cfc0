"""What a decode step of TensorRT-LLM reads and computes, from the config of an engine or of a model."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import msgspec

from runner.engines.decode_bytes import DTYPE_BYTES, ByteWidths, ExpertCounts, decode_reads
from runner.engines.model_shape import SUPPORTED, TransformerShape, shape_of
from runner.plan.plan import DecodeReads
from runner.run.layout import UNREADABLE
from runner.util.errors import UserError

# quant_algo of an engine, up to its `_PER_...` -> bytes of a quantised weight, and the type of the factors of
# matrix products (empty: that of the activations); algorithms without groups.
_ALGORITHMS = {"W8A16": (1.0, ""), "W4A16": (0.5, ""), "FP8": (1.0, "fp8"), "W8A8_SQ": (1.0, "int8")}
_MIXTURES = {"mixtral": "mistral", "qwen3_moe": "qwen3"}
"""Mixtures all of whose layers have equal experts and nothing else -> the kind of their attention."""
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


def weight_bytes(algorithm: str) -> float | None:
    """Return the bytes of a weight quantised by `algorithm`; None: not known, as its groups have scales."""
    found = _ALGORITHMS.get(algorithm.partition("_PER_")[0])
    return None if found is None else found[0]


class Split(NamedTuple):
    """How a model is divided over ranks."""

    tp: int
    pp: int = 1


class Storage(NamedTuple):
    """The types of weights and KV cache."""

    dtype: str
    """of what is not quantised"""
    algorithm: str = ""
    """`quant_algo` as TensorRT-LLM names it; empty: none"""
    small_cache: bool = False
    """the cache has one byte per number"""


def decode_config(content: bytes | None) -> dict[str, Any]:
    """Return a decoded `config.json`.

    Raises:
        UserError: there is none, or it is not a JSON object.
    """
    decoded = None
    with contextlib.suppress(*UNREADABLE):
        decoded = msgspec.json.decode(content or b"")
    if not isinstance(decoded, dict):
        raise UserError("no config.json of the model or the engine could be read")
    return decoded


def work_of_engine(config: dict[str, Any], split: Split) -> DecodeReads:
    """Return the work by the config of an engine, or of a checkpoint, which is the inner part of the former.

    Raises:
        UserError: it is not known for this model.
    """
    inner = _part(config, "pretrained_config") or config
    quantization = _part(inner, "quantization")
    names = f"{inner.get('qwen_type') or ''} {inner.get('architecture') or ''}".lower()
    mixture = next((kind for kind in _MIXTURES if kind in names), "")
    kind = mixture or next((kind for kind in SUPPORTED if kind in names), names.strip() or "unknown")
    experts = _part(inner, "moe")
    if "moe" in names and not experts.get("num_experts"):
        experts = {"num_experts": 1}  # the config names a mixture and does not describe it
    known = {**inner, "model_type": kind, "head_dim": inner.get("head_size")}
    known |= {"num_experts": experts.get("num_experts"), "num_experts_per_tok": experts.get("top_k")}
    algorithm = str(quantization.get("quant_algo") or "")
    small = bool(quantization.get("kv_cache_quant_algo"))
    return _work(known, split, Storage(str(inner.get("dtype")), algorithm, small))


def work_of_model(config: dict[str, Any], split: Split, storage: Storage) -> DecodeReads:
    """Return the work by the config of a Hugging Face model, stored as given.

    Raises:
        UserError: it is not known for this model.
    """
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    return _work(config, split, storage, window if isinstance(window, int) else None)


def stated_dtype(config: dict[str, Any]) -> str:
    """Return the type of the weights that a Hugging Face config states."""
    return str(config.get("torch_dtype", config.get("dtype")))


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _work(config: dict[str, Any], split: Split, storage: Storage, window: int | None = None) -> DecodeReads:
    shape, experts = _shape(config)
    whole = DTYPE_BYTES.get(storage.dtype)
    if whole is None:
        raise UserError(f"the type of the weights is not known (it says {storage.dtype})")
    found = _ALGORITHMS.get(storage.algorithm.partition("_PER_")[0]) if storage.algorithm else (whole, "")
    if found is None:
        raise UserError(f"not modelled for {storage.algorithm}: the scales of its groups have no known size")
    weight, factors = found
    widths = ByteWidths(weight, whole, 1 if storage.small_cache else whole)
    return decode_reads(
        shape, split.tp, widths, window, dtype=factors or storage.dtype, experts=experts, pp=split.pp
    )


def _shape(config: dict[str, Any]) -> tuple[TransformerShape, ExpertCounts | None]:
    kind = str(config.get("model_type"))
    total = next((config[key] for key in _EXPERTS if config.get(key)), None)
    if total is not None:
        return _mixture(config, kind, total)
    if kind not in SUPPORTED:
        raise UserError(f"not modelled for this kind of model ({kind}), but for {', '.join(SUPPORTED)}")
    return shape_of(config, "config.json"), None


def _mixture(config: dict[str, Any], kind: str, total: Any) -> tuple[TransformerShape, ExpertCounts]:
    active = config.get("num_experts_per_tok")
    dense = config.get("mlp_only_layers") or config.get("decoder_sparse_step", 1) != 1
    if kind not in _MIXTURES or dense:
        raise UserError(
            f"not modelled for this mixture of experts ({kind}), but for {', '.join(_MIXTURES)} with experts"
            " in all layers"
        )
    if not isinstance(total, int) or not isinstance(active, int) or not 0 < active <= total:
        raise UserError("not modelled: how many experts a token uses is not known")
    width = config.get("moe_intermediate_size") or config.get("intermediate_size")
    known = {**config, "model_type": _MIXTURES[kind], "intermediate_size": width}
    return shape_of(known, "config.json"), ExpertCounts(total, active)
