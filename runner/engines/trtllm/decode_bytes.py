"""What a decode step of a TensorRT-LLM engine reads and computes, from configs known before it is built."""

from __future__ import annotations

from typing import Any, NamedTuple

from runner.engines.tensorrt_llm.build_options import Quantize
from runner.engines.tensorrt_llm.model_work import (
    Split,
    Storage,
    decode_config,
    stated_dtype,
    work_of_engine,
    work_of_model,
)
from runner.engines.trtllm.algorithms import ALGORITHMS, WEIGHT_ONLY
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm.quantization import CACHES
from runner.plan.plan import DecodeReads
from runner.util.errors import UserError

OTHER_FORMS = ("use_nvfp4", "use_qserve", "use_meta_fp8_rowwise_recipe", "quant_ckpt_path")
"""Options of convert whose weights mix several widths, or have one that a file determines."""


class GivenConfigs(NamedTuple):
    """The `config.json` files of a profile; None: the profile names none, or it cannot be read."""

    model: bytes | None = None
    """of a Hugging Face model"""
    engine: bytes | None = None
    checkpoint: bytes | None = None


def decode_reads_of(profile: TrtllmProfile, given: GivenConfigs) -> DecodeReads | str:
    """Return what a rank reads and computes in a decode step, or why that is not known."""
    if profile.benchmark.mode != "dec":
        return "modelled for decoders only"
    made, split = given.engine or given.checkpoint, Split(profile.parallel.tp, profile.parallel.pp)
    try:
        if made:
            return work_of_engine(decode_config(made), split)
        config = decode_config(given.model)
        return work_of_model(config, split, _converted(profile, config))
    except UserError as error:
        return str(error)


def _converted(profile: TrtllmProfile, config: dict[str, Any]) -> Storage:
    """Return how the conversion or the quantisation stores the model."""
    convert, dtype = profile.convert, str(profile.model.dtype)
    if config.get("quantization_config"):
        raise UserError("the model is quantised, in a form whose size is not modelled")
    odd = [name for name in OTHER_FORMS if getattr(convert, name)]
    if odd:
        raise UserError(f"not modelled for convert.{odd[0]}: the size of its weights is not known")
    if profile.quantize is not None:
        return _quantized(profile.quantize, _dtype(dtype, config))
    if convert.extra_args:
        raise UserError("convert.extra_args may change the size of weights and cache")
    algorithm = ""
    if convert.use_weight_only:
        algorithm = WEIGHT_ONLY[convert.weight_only_precision or "int8"]
    elif convert.use_fp8 or convert.use_fp8_rowwise:
        algorithm = "FP8"
    elif convert.smoothquant is not None:
        algorithm = "W8A8_SQ"
    return Storage(_dtype(dtype, config), algorithm, convert.int8_kv_cache or convert.fp8_kv_cache)


def _quantized(section: Quantize, dtype: str) -> Storage:
    """Return how the quantisation stores the model."""
    if section.autoq_format or section.quantize_lm_head or section.extra_args:
        raise UserError(
            "not modelled for a choice of formats, a quantised output head, or quantize.extra_args"
        )
    return Storage(dtype, ALGORITHMS[section.qformat], section.kv_cache_dtype in CACHES)


def _dtype(dtype: str, config: dict[str, Any]) -> str:
    """Return the dtype of a checkpoint; `auto` keeps that of the model, but float32 becomes float16."""
    if dtype != "auto":
        return dtype
    given = stated_dtype(config)
    return "float16" if given == "float32" else given
