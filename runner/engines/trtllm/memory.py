"""The memory that benchmark.py needs on a GPU, counted from the files of the model or the engine.

The weights follow from the size of the files and the width in which they are stored, the KV cache from the
shape of the model. The activations are not predicted; see `EXECUTION_NOT_PREDICTED`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from runner.engines.check import gib
from runner.engines.decode_bytes import DTYPE_BYTES
from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.tensorrt_llm.start_memory import EXECUTION_NOT_PREDICTED, start_parts
from runner.engines.trtllm import quantization
from runner.engines.trtllm.decode_bytes import OTHER_FORMS
from runner.engines.trtllm.profile import TrtllmProfile
from runner.events import MemoryParts
from runner.plan.plan import Configuration, PredictedMemory

NOT_KNOWN = "neither the model's folder nor an engine states the weights and layers"


class StoredModel(NamedTuple):
    """A model as the engine stores it."""

    size: int
    """bytes, of all ranks together"""
    how: str
    """the derivation"""


class CountedMemory(NamedTuple):
    """The memory of one GPU, and the arithmetic of weights and cache."""

    parts: MemoryParts
    how: str


def stored_model(
    profile: TrtllmProfile, size_of: Callable[[str], int], model: ModelConfig | None
) -> StoredModel | None:
    """Return the size of the model in the engine; None when it is not known.

    Args:
        profile: how the model is converted or quantised.
        size_of: returns the bytes of the weight files in a folder, 0 without any.
        model: the shape of the model; None: not known.
    """
    if profile.paths.engine_dir:
        size = size_of(profile.paths.engine_dir)
        return StoredModel(size, f"engine files {gib(size)}") if size else None
    size = size_of(profile.model.dir or "") if profile.model.dir else 0
    if not size or any(getattr(profile.convert, name) for name in OTHER_FORMS):
        return None
    source = model.dtype if model and model.dtype else "float16"
    target = profile.model.dtype if profile.model.dtype != "auto" else source
    if profile.quantize is not None:
        made = model and quantization.checkpoint_bytes(profile.quantize, size, source, target, model)
        how = f"{gib(size)} of {source} as {profile.quantize.qformat}, estimated"
        return StoredModel(made, f"weights {gib(made)} ({how})") if made else None
    convert = profile.convert
    each: float = DTYPE_BYTES[target]
    name: str = target
    if convert.use_weight_only:
        name = convert.weight_only_precision or "int8"
        each = 1 if name.startswith("int8") else 0.5
    elif convert.smoothquant is not None or convert.use_fp8 or convert.use_fp8_rowwise:
        name, each = "8 bit", 1
    scaled = int(size * each / DTYPE_BYTES[source])
    how = f"weights {gib(scaled)}"
    return StoredModel(scaled, how if scaled == size else f"{how} ({gib(size)} of {source} as {name})")


def count_memory(
    profile: TrtllmProfile,
    stored: StoredModel | None,
    model: ModelConfig | None,
    configuration: Configuration,
) -> CountedMemory | None:
    """Return what a GPU holds in a configuration, without activations; None: weights or shape not known."""
    if stored is None or model is None:
        return None
    ranks, tp = profile.parallel.ranks, profile.parallel.tp
    dtype = profile.model.dtype if profile.model.dtype != "auto" else model.dtype or "float16"
    small = profile.convert.int8_kv_cache or profile.convert.fp8_kv_cache
    if profile.quantize is not None:
        small = profile.quantize.kv_cache_dtype in quantization.CACHES
    each = 1 if small else DTYPE_BYTES[dtype]
    batch = configuration.batch_size * profile.benchmark.num_beams
    tokens = configuration.input_len + configuration.output_len if configuration.output_len else 0
    cache = model.cache_bytes_per_token(tp, each) * batch * tokens
    share, repeated = stored.size // ranks, _repeated_embedding(profile, model, DTYPE_BYTES[dtype])
    heads = max(model.kv_heads // tp, 1)
    embedding = f" + {gib(repeated)} of the embedding, which is on every rank" if repeated else ""
    weights = round((share + repeated) * configuration.gpu_weights_percent)
    how = (
        f"{stored.how} / {ranks} = {gib(share)}{embedding}, KV cache 2 x {model.layers} layers x {heads}"
        f" heads x {model.head_dim} x {each} B x {batch} x {tokens} tokens = {gib(cache)}"
    )
    return CountedMemory(MemoryParts(weights=weights, cache=cache, **start_parts(ranks)), how)


def _repeated_embedding(profile: TrtllmProfile, model: ModelConfig, each: int) -> int:
    """Return the bytes of the embedding that a rank has beyond its share of the files.

    Without use_parallel_embedding every rank has all of it, and an output head of its own even if the model
    shares one table. The files of an engine contain it already.
    """
    ranks = profile.parallel.ranks
    if profile.paths.engine_dir or model.vocabulary is None or profile.convert.use_parallel_embedding:
        return 0
    table = model.vocabulary * model.hidden * each
    return table if model.tied_embedding else table - table // ranks


def predicted_memory(
    profile: TrtllmProfile,
    configurations: Sequence[Configuration],
    stored: StoredModel | None,
    model: ModelConfig | None,
) -> list[PredictedMemory]:
    """Return what a GPU holds in each configuration, for the plan of a run."""
    found = [count_memory(profile, stored, model, one) for one in configurations]
    return [
        PredictedMemory(why_not=NOT_KNOWN)
        if one is None
        else PredictedMemory(parts=one.parts, why_not=EXECUTION_NOT_PREDICTED)
        for one in found
    ]
