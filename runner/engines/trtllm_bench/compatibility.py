"""Check a profile against the version of trtllm-bench, before anything is started."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.engine_config import EngineConfig
from runner.engines.tensorrt_llm.more_options import FIELDS
from runner.engines.tensorrt_llm.options_by_version import Presence
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm_bench.arguments import group_fields
from runner.engines.trtllm_bench.dataset import RequestSummary
from runner.engines.trtllm_bench.options import (
    FIRST,
    FIXED_TOKENS,
    Tool,
    can_build,
    exists_at_hugging_face,
    usual_name,
)
from runner.engines.trtllm_bench.profile import BenchProfile

OPTION_OF = {
    "streaming": "streaming", "concurrency": "concurrency", "warm_up": "warmup",
    "num_requests": "num_requests", "max_batch_size": "max_batch_size",
    "max_num_tokens": "max_num_tokens", "max_seq_len": "max_seq_len",
    "kv_cache_free_gpu_mem_fraction": "kv_cache_free_gpu_mem_fraction", "beam_width": "beam_width",
    "eos_id": "eos_id", "scheduler_policy": "scheduler_policy", "options_file": "extra_llm_api_options",
    "extra_llm_api_options": "extra_llm_api_options",
    "chunked_context": "enable_chunked_context", "answers": "output_json", "iteration_log": "iteration_log",
    **{name: name for name in FIELDS["bench run"]},
}  # fmt: skip
"""Field of the section benchmark -> option of the tool that it needs."""
BATCH_OF_ONE = Version.parse("0.17")
"""Before, `throughput` rejects an engine for a batch of 1."""


def find_incompatibilities(
    profile: BenchProfile, tool: Tool, requests: RequestSummary, engine: EngineConfig | None
) -> list[str]:
    """Return a sentence for each incompatibility, with what to do.

    An incompatibility that makes the others irrelevant is returned alone.
    """
    version = tool.version
    if version < FIRST:
        return [
            f"trtllm-bench of TensorRT-LLM {version} is not supported: the form of its report is not known;"
            f" use {FIRST} or later, or engine: trtllm"
        ]
    command = profile.benchmark.command
    if profile.selects("benchmark") and not tool.has_command(command):
        when = options_by_version.since(f"bench {command}", "dataset", version)
        return [
            f"benchmark.command: trtllm-bench of TensorRT-LLM {version} has no {command}"
            f"{f' ({when})' if when else ''}; set command: throughput"
        ]
    if profile.needs_engine and tool.presence(command, "engine_dir") is Presence.NO:
        return [f"benchmark.backend: TensorRT-LLM {version} no longer has engines; set backend: pytorch"]
    found = [*_model(profile, tool), *_group(profile, tool), *_parallel(profile, tool)]
    if profile.selects("build"):
        found += _build(profile, tool, requests)
    if profile.selects("benchmark"):
        found += _benchmark(profile, tool, requests)
        found += _options(profile, tool)
        if profile.paths.engine_dir and engine is not None:
            found += _engine(profile, tool, requests, engine)
    return found


def _model(profile: BenchProfile, tool: Tool) -> Iterator[str]:
    """Yield why a name cannot be built or downloaded, with the right name where one is known."""
    name, right = profile.model.name, usual_name(profile.model.name)
    if profile.selects("build") and not can_build(name, tool.version):
        build = f"model.name: trtllm-bench build of TensorRT-LLM {tool.version}"
        if right:
            yield f"{build} knows {name} as {right}; set that"
        else:
            yield (
                f"{build} does not know {name} (its list has Llama 2, 3 and 3.1, Mistral, Mixtral,"
                " Falcon-180B and GPT-J); use engine: trtllm, or build with trtllm-build and give"
                " paths.engine_dir"
            )
    elif profile.model.dir is None and not exists_at_hugging_face(name):
        yield f"model.name: Hugging Face has no {name}, only {right}; set that, or give model.dir"


def _group(profile: BenchProfile, tool: Tool) -> Iterator[str]:
    for field, (option, value) in group_fields(profile).items():
        if why := tool.why_missing("group", option) or tool.why_not_allowed("group", option, value):
            yield f"{field}: {why}"


def _parallel(profile: BenchProfile, tool: Tool) -> Iterator[str]:
    if profile.parallel.ep is None:
        return
    if profile.needs_engine:
        yield "parallel.ep: an engine has it built in; remove the line, or set benchmark.backend: pytorch"
    elif why := tool.why_missing(profile.benchmark.command, "ep"):
        yield f"parallel.ep: {why}; remove the line"


def _build(profile: BenchProfile, tool: Tool, requests: RequestSummary) -> Iterator[str]:
    build = profile.build
    if build.quantization and (why := tool.why_not_allowed("build", "quantization", build.quantization)):
        yield f"build.quantization: {why}"
    if build.by == "lengths" and (why := tool.why_missing("build", "target_input_len")):
        yield f"build.by: {why}; set by: dataset or limits"
    if build.by == "limits":
        longest = build.max_seq_len or requests.longest
        if longest is None:
            yield (
                "build.max_seq_len: is required, because the requests of dataset.file are text,"
                " whose length in tokens is not known"
            )
        elif requests.longest is not None and requests.longest > longest:
            yield f"build.max_seq_len: is {longest}, but a request has {requests.longest} tokens in and out"


def _benchmark(profile: BenchProfile, tool: Tool, requests: RequestSummary) -> Iterator[str]:
    benchmark, version = profile.benchmark, tool.version
    if benchmark.backend is not None and (why := tool.why_missing(benchmark.command, "backend")):
        yield f"benchmark.backend: {why}, it runs engines only; remove the line"
    elif benchmark.backend is not None and (
        why := tool.why_not_allowed(benchmark.command, "backend", benchmark.backend)
    ):
        yield f"benchmark.backend: {why}"
    defect = version.exact < FIXED_TOKENS.exact and benchmark.command == "throughput"
    if benchmark.max_num_tokens is not None and defect:
        yield (
            f"benchmark.max_num_tokens: trtllm-bench of TensorRT-LLM {version} has a defect: given this"
            " option it limits the tokens of a step to the batch size; remove the line and build for it"
        )
    if benchmark.num_requests is not None and benchmark.num_requests > requests.count:
        yield (
            f"benchmark.num_requests: {benchmark.num_requests} is more than the {requests.count} requests of"
            f" {profile.dataset.file}"
        )
    one = profile.selects("build") and profile.build.max_batch_size == 1
    if one and benchmark.command == "throughput" and version.exact < BATCH_OF_ONE.exact:
        yield f"build.max_batch_size: {_one_at_a_time(tool)}; raise it, or set benchmark.command: latency"


def _one_at_a_time(tool: Tool) -> str:
    return f"trtllm-bench throughput of TensorRT-LLM {tool.version} rejects an engine for a batch of 1"


def _options(profile: BenchProfile, tool: Tool) -> Iterator[str]:
    benchmark = profile.benchmark
    command = benchmark.command
    for field, option in OPTION_OF.items():
        if not getattr(benchmark, field):
            continue
        if why := tool.why_missing(command, option):
            yield f"benchmark.{field}: {why}; remove the line"
        elif field in FIELDS["bench run"] and (
            why := tool.why_not_allowed(command, option, str(getattr(benchmark, field)))
        ):
            yield f"benchmark.{field}: {why}"


def unverified_options(profile: BenchProfile, tool: Tool) -> list[str]:
    """Return the options of the benchmark of which it is not known whether this version has them."""
    benchmark = profile.benchmark
    group = [
        f"--{option}"
        for option, _ in group_fields(profile).values()
        if tool.presence("group", option) is Presence.UNKNOWN
    ]
    if not profile.selects("benchmark"):
        return group
    asked = [option for field, option in OPTION_OF.items() if getattr(benchmark, field)]
    if benchmark.backend is not None:
        asked.append("backend")
    if profile.parallel.ep is not None:
        asked.append("ep")
    unknown = [o for o in asked if tool.presence(benchmark.command, o) is Presence.UNKNOWN]
    return [*group, *(f"--{option}" for option in unknown)]


def _engine(
    profile: BenchProfile, tool: Tool, requests: RequestSummary, engine: EngineConfig
) -> Iterator[str]:
    mapping, parallel = engine.pretrained_config.mapping, profile.parallel
    limits = engine.build_config
    if (mapping.tp_size, mapping.pp_size) != (parallel.tp, parallel.pp):
        yield (
            f"paths.engine_dir: the engine is built for tp {mapping.tp_size}, pp {mapping.pp_size};"
            " set parallel.tp and parallel.pp to that"
        )
    one = limits.max_batch_size == 1
    if one and profile.benchmark.command == "throughput" and tool.version.exact < BATCH_OF_ONE.exact:
        yield f"paths.engine_dir: {_one_at_a_time(tool)}; build a larger one, or measure latency"
    if limits.max_seq_len and requests.longest is not None and requests.longest > limits.max_seq_len:
        yield (
            f"paths.engine_dir: a request has {requests.longest} tokens in and out, the engine takes"
            f" {limits.max_seq_len}; shorten the dataset, or build for it"
        )
