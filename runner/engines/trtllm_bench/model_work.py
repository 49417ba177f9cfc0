"""What the model of a trtllm-bench profile reads and computes, from the configs that are on disk."""

from __future__ import annotations

from typing import Any

from runner.engines.build_cache import FileSystem
from runner.engines.tensorrt_llm.model_work import (
    Split,
    Storage,
    decode_config,
    stated_dtype,
    work_of_engine,
    work_of_model,
)
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import DecodeReads
from runner.util.errors import UserError


def decode_reads_of(profile: BenchProfile, files: FileSystem) -> DecodeReads | str:
    """Return what a rank reads and computes in a decode step, or why that is not known."""
    split = Split(profile.parallel.tp, profile.parallel.pp)
    given, folder, benchmark = profile.paths.engine_dir, profile.model.dir, profile.benchmark
    if benchmark.options_file or benchmark.extra_args:
        option = "options_file" if benchmark.options_file else "extra_args"
        return f"benchmark.{option} may change the KV cache, or how many tokens a step generates"
    if (benchmark.beam_width or 1) > 1:
        return "beam search is not modelled"
    try:
        if given:
            return work_of_engine(decode_config(files.read(f"{given}/config.json")), split)
        if folder is None:
            return "the profile names no folder of the model (model.dir) whose config.json has its shape"
        config = decode_config(files.read(f"{folder}/config.json"))
        return work_of_model(config, split, _stored(profile, config, folder, files))
    except UserError as error:
        return str(error)


def _stored(profile: BenchProfile, config: dict[str, Any], folder: str, files: FileSystem) -> Storage:
    """Return how the engine is built, or how the PyTorch backend loads the model."""
    if config.get("quantization_config") or files.read(f"{folder}/hf_quant_config.json"):
        raise UserError("the model is quantised, in a form whose size is not modelled")
    algorithm = (profile.build.quantization or "") if profile.needs_engine else ""
    if profile.needs_engine and profile.build.extra_args:
        raise UserError("build.extra_args may change the size of weights and cache")
    # trtllm-bench build gives an engine in FP8 a cache in FP8, too.
    return Storage(stated_dtype(config), algorithm, small_cache=algorithm == "FP8")
