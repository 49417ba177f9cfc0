"""Bytes that a decode step of a TensorRT-LLM engine reads, from the configs known before it is built."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import msgspec

from runner.engines.decode_bytes import DTYPE_BYTES, ByteWidths, decode_reads
from runner.engines.model_shape import SUPPORTED, TransformerShape, shape_of
from runner.engines.trtllm.profile import TrtllmProfile
from runner.errors import UserError
from runner.plan.plan import DecodeReads

# quant_algo of an engine, up to its `_PER_...` -> bytes of a quantised weight; algorithms without groups.
_WEIGHT_BYTES = {"W8A16": 1.0, "W4A16": 0.5, "FP8": 1.0, "W8A8_SQ": 1.0}
_WEIGHT_ONLY = {"int8": "W8A16", "int4": "W4A16", "int4_gptq": "W4A16_GPTQ", "int4_awq": "W4A16_AWQ"}
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


class GivenConfigs(NamedTuple):
    """The `config.json` files of a profile; None: the profile names none, or it cannot be read."""

    model: bytes | None = None
    """of a Hugging Face model"""
    engine: bytes | None = None
    checkpoint: bytes | None = None


def decode_reads_of(profile: TrtllmProfile, given: GivenConfigs) -> DecodeReads | str:
    """Return what a rank reads in a decode step, or why that is not known."""
    if profile.benchmark.mode != "dec":
        return "modelled for decoders only"
    made = given.engine or given.checkpoint
    try:
        return _of_made(profile, _object(made)) if made else _of_model(profile, _object(given.model))
    except UserError as error:
        return str(error)


def _object(content: bytes | None) -> dict[str, Any]:
    decoded = None
    with contextlib.suppress(msgspec.DecodeError):
        decoded = msgspec.json.decode(content or b"")
    if not isinstance(decoded, dict):
        raise UserError("no config.json of the model or the engine could be read")
    return decoded


def _of_made(profile: TrtllmProfile, config: dict[str, Any]) -> DecodeReads:
    """Return it from the config of an engine, or of a checkpoint, which is the inner part of the former."""
    inner = _part(config, "pretrained_config") or config
    quantization = _part(inner, "quantization")
    names = f"{inner.get('qwen_type') or ''} {inner.get('architecture') or ''}".lower()
    kind = next((kind for kind in SUPPORTED if kind in names), names.strip() or "unknown")
    experts = "moe" in names or _part(inner, "moe").get("num_experts")
    shape = _shape({**inner, "model_type": kind, "head_dim": inner.get("head_size")}, bool(experts))
    cache = bool(quantization.get("kv_cache_quant_algo"))
    widths = _widths(str(inner.get("dtype")), str(quantization.get("quant_algo") or ""), cache)
    return decode_reads(shape, profile.parallel.tp, widths)


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _of_model(profile: TrtllmProfile, config: dict[str, Any]) -> DecodeReads:
    convert, dtype = profile.convert, str(profile.model.dtype)
    shape = _shape(config, any(config.get(key) for key in _EXPERTS))
    if config.get("quantization_config"):
        raise UserError("the model is quantised, in a form whose size is not modelled")
    if convert.extra_args:
        raise UserError("convert.extra_args may change the size of weights and cache")
    algorithm = ""
    if convert.use_weight_only:
        algorithm = _WEIGHT_ONLY[convert.weight_only_precision or "int8"]
    elif convert.use_fp8 or convert.use_fp8_rowwise:
        algorithm = "FP8"
    elif convert.smoothquant is not None:
        algorithm = "W8A8_SQ"
    if dtype == "auto":
        # Conversion keeps the dtype of a model, except that float32 becomes float16.
        given = str(config.get("torch_dtype", config.get("dtype")))
        dtype = "float16" if given == "float32" else given
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    widths = _widths(dtype, algorithm, convert.int8_kv_cache or convert.fp8_kv_cache)
    return decode_reads(shape, profile.parallel.tp, widths, window if isinstance(window, int) else None)


def _shape(config: dict[str, Any], experts: bool) -> TransformerShape:
    if experts:
        raise UserError("not modelled for a mixture of experts: the tokens decide which of them a step reads")
    kind = config.get("model_type")
    if kind not in SUPPORTED:
        raise UserError(f"not modelled for this kind of model ({kind}), but for {', '.join(SUPPORTED)}")
    return shape_of(config, "config.json")


def _widths(dtype: str, algorithm: str, small_cache: bool) -> ByteWidths:
    whole = DTYPE_BYTES.get(dtype)
    if whole is None:
        raise UserError(f"the type of the weights is not known (it says {dtype})")
    weight = whole if not algorithm else _WEIGHT_BYTES.get(algorithm.partition("_PER_")[0])
    if weight is None:
        raise UserError(f"not modelled for {algorithm}: the scales of its groups have no known size")
    return ByteWidths(weight, whole, 1 if small_cache else whole)
