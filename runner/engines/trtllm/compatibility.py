"""Check whether benchmark.py can run a profile on an engine: one that exists, or that is to be built."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.tensorrt_llm.engine_config import BuildConfig, EngineConfig
from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.trtllm.profile import TrtllmProfile


def mismatches(engine: EngineConfig, profile: TrtllmProfile) -> list[str]:
    """Return a sentence for each mismatch between an engine and a profile."""
    return [*_world(engine, profile), *_shapes(engine.build_config, profile)]


def _world(engine: EngineConfig, profile: TrtllmProfile) -> Iterator[str]:
    mapping, parallel = engine.pretrained_config.mapping, profile.parallel
    if mapping.world_size != parallel.ranks:
        yield (
            f"the engine is built for {mapping.world_size} ranks"
            f" (tp {mapping.tp_size}, pp {mapping.pp_size}), the profile starts {parallel.ranks};"
            f" set parallel.tp: {mapping.tp_size}"
        )
    if mapping.pp_size > 1:
        yield f"the engine is pipeline parallel (pp {mapping.pp_size}), which benchmark.py measures wrong"
    dtype = profile.benchmark.dtype
    if dtype and engine.pretrained_config.dtype not in ("", dtype):
        yield (
            f"the engine's dtype is {engine.pretrained_config.dtype}, benchmark.dtype says {dtype};"
            " remove the line"
        )
    if engine.build_config.plugin_config.multiple_profiles:
        yield (
            "the engine has several optimisation profiles, which benchmark.py cannot run;"
            " build it with --multiple_profiles disable"
        )


def _shapes(build: BuildConfig, profile: TrtllmProfile) -> Iterator[str]:
    """Yield shapes that benchmark.py would skip with exit code 0, or fail at later."""
    benchmark = profile.benchmark
    batch = max(benchmark.batch_size)
    if build.max_batch_size and batch > build.max_batch_size:
        yield f"batch size {batch} is more than the engine's max_batch_size {build.max_batch_size}"
    pairs = benchmark.input_output_len
    longest = max(benchmark.input_len) if benchmark.mode == "enc" else max(pair[0] for pair in pairs)
    encoder = benchmark.mode == "enc-dec"
    limit = build.max_encoder_input_len if encoder else build.max_input_len
    if limit and longest > limit:
        name = "max_encoder_input_len" if encoder else "max_input_len"
        yield f"input length {longest} is more than the engine's {name} {limit}"
    if build.max_seq_len and benchmark.mode != "enc":
        total = max(output + (0 if encoder else entry) for entry, output in pairs)
        if total > build.max_seq_len:
            what = "output length" if encoder else "input + output length"
            yield f"{what} {total} is more than the engine's max_seq_len {build.max_seq_len}"
    packed = build.plugin_config.remove_input_padding and not encoder
    if packed and build.max_num_tokens and batch * longest > build.max_num_tokens:
        yield (
            f"batch size {batch} x input length {longest} = {batch * longest} tokens in one step,"
            f" more than the engine's max_num_tokens {build.max_num_tokens}"
        )
    if benchmark.num_beams > (build.max_beam_width or benchmark.num_beams):
        yield f"{benchmark.num_beams} beams are more than the engine's max_beam_width {build.max_beam_width}"
    if min(benchmark.gpu_weights_percent) < 1 and not build.weight_streaming:
        yield "gpu_weights_percent below 1 needs an engine built with --weight_streaming"


def too_long(model: ModelConfig, profile: TrtllmProfile) -> list[str]:
    """Return shapes beyond the length that trtllm-build deduces from the model by default."""
    benchmark, limit = profile.benchmark, model.max_position
    if profile.build.max_seq_len or limit is None or benchmark.mode != "dec":
        return []
    entry, output = max(benchmark.input_output_len, key=sum)
    if entry + output <= limit:
        return []
    return [
        f"build.max_seq_len: is not given, so it is the model's {limit}, but benchmark needs"
        f" input {entry} + output {output} = {entry + output}"
    ]
