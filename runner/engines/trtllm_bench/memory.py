"""The memory that trtllm-bench needs on a GPU, counted from the files of the model or the engine."""

from __future__ import annotations

from runner.engines.tensorrt_llm.start_memory import (
    EXECUTION_NOT_PREDICTED,
    TRIAL_RUN_NOT_PREDICTED,
    start_parts,
)
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.events import MemoryParts
from runner.plan.plan import PredictedMemory

CACHE_SHARE = 0.9
"""kv_cache_free_gpu_mem_fraction by default"""
NOT_KNOWN = "neither model.dir nor an engine states the weights"


def weights_folder(profile: BenchProfile) -> str:
    """Return the folder of the weights; empty: the profile names none."""
    return profile.paths.engine_dir or profile.model.dir or ""


def cache_share(profile: BenchProfile) -> float:
    """Return the share of the free memory that the KV cache takes, 0 to 1."""
    return profile.benchmark.kv_cache_free_gpu_mem_fraction or CACHE_SHARE


def without_activations(profile: BenchProfile) -> str:
    """Return why activations are not predicted."""
    return EXECUTION_NOT_PREDICTED if profile.needs_engine else TRIAL_RUN_NOT_PREDICTED


def predict_memory(profile: BenchProfile, size: int) -> PredictedMemory:
    """Return what a GPU holds, without activations.

    Args:
        profile: the benchmark.
        size: bytes of the weight files of the model or the engine; 0: not known.
    """
    ranks, quantization = profile.parallel.ranks, profile.build.quantization
    why = "" if size else NOT_KNOWN
    if size and quantization and profile.selects("build"):
        why = f"less with {quantization}, how much is not computed"
    if why:
        return PredictedMemory(why_not=why)
    return PredictedMemory(
        parts=MemoryParts(weights=size // ranks, **start_parts(ranks)),
        cache_share=cache_share(profile),
        why_not=f"{without_activations(profile)}; the KV cache shrinks by {cache_share(profile):.0%} of that",
    )
