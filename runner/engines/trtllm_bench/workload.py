"""What a trtllm-bench profile measures, in the terms of published tables."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.workload import SIXTEEN_BITS, Workload


def workload_of(profile: BenchProfile) -> Workload | None:
    """Return model, precision and split; None if an engine is given, whose precision is its own."""
    if profile.paths.engine_dir:
        return None
    return Workload(
        model=profile.model.name.rpartition("/")[2],
        precision=_precision(profile),
        tp=profile.parallel.tp,
        pp=profile.parallel.pp,
        backend="engine" if profile.needs_engine else "pytorch",
        kv_fraction=profile.benchmark.kv_cache_free_gpu_mem_fraction,
        limits=tuple(_limits(profile)),
    )


def _precision(profile: BenchProfile) -> str:
    """Return the precision of the weights: that of the build, or what the name of a published model says."""
    if profile.needs_engine and profile.build.quantization:
        return profile.build.quantization.lower()
    name = profile.model.name.lower()
    return next((form for form in ("fp8", "fp4", "nvfp4", "awq", "gptq") if form in name), SIXTEEN_BITS)


def _limits(profile: BenchProfile) -> Iterator[str]:
    """Yield the settings that published runs leave at their defaults and that bound the throughput."""
    build, benchmark = profile.build, profile.benchmark
    stated = {
        "build.max_batch_size": build.max_batch_size if profile.needs_engine else None,
        "build.max_num_tokens": build.max_num_tokens if profile.needs_engine else None,
        "benchmark.max_batch_size": benchmark.max_batch_size,
        "benchmark.max_num_tokens": benchmark.max_num_tokens,
    }
    yield from (f"{name} {value}" for name, value in stated.items() if value is not None)
    if benchmark.streaming:
        yield "benchmark.streaming true"
    if benchmark.chunked_context is not None:
        yield f"benchmark.chunked_context {str(benchmark.chunked_context).lower()}"
    if (benchmark.beam_width or 1) > 1:
        yield f"benchmark.beam_width {benchmark.beam_width}"
