"""The options of trtllm-bench for a profile, in the installed version."""

from __future__ import annotations

from runner.engines.tensorrt_llm.options import Options, options_of
from runner.engines.tensorrt_llm.options_by_version import Presence
from runner.engines.trtllm_bench import dataset as bench_dataset
from runner.engines.trtllm_bench.dataset import RequestSummary
from runner.engines.trtllm_bench.options import NAMED_TENSORRT, Part, Tool
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import Configuration, Plan


def dataset_options(profile: BenchProfile, tool: Tool) -> Options:
    """Return the options of the program that generates requests."""
    dataset = profile.dataset
    options: Options = [("form", bench_dataset.token_key_of(tool.version)), ("lengths", dataset.lengths)]
    names = ("input_len", "output_len", "input_spread", "output_spread", "num_requests", "seed")
    options += [(name, str(getattr(dataset, name))) for name in names]
    if dataset.vocab_size is not None:
        options.append(("vocab_size", str(dataset.vocab_size)))
    if profile.model.dir is not None:
        options.append(("model_dir", profile.model.dir))
    return options


def group_options(profile: BenchProfile, tool: Tool, model: str) -> Options:
    """Return the options before the name of the command."""
    options: Options = [("model", model)]
    if profile.model.dir is not None and tool.has("group", "model_path"):
        options.append(("model_path", profile.model.dir))
    for name, value in group_fields(profile).values():
        options.append((name, value))
    return options


def group_fields(profile: BenchProfile) -> dict[str, tuple[str, str]]:
    """Return the fields that set options of the group: field -> option and value."""
    given = {
        "launch.log_level": ("log_level", profile.launch.log_level),
        "model.revision": ("revision", profile.model.revision),
    }
    return {field: (option, value) for field, (option, value) in given.items() if value is not None}


def tokenizer(profile: BenchProfile, tool: Tool) -> str:
    """Return the value of --model; without --model_path it is the folder that has the tokenizer."""
    folder = profile.model.dir
    if folder is None or tool.has("group", "model_path"):
        return profile.model.name
    return folder


def build_options(profile: BenchProfile, tool: Tool, dataset: str, requests: RequestSummary) -> Options:
    """Return the options of `trtllm-bench build`; `dataset` is the file of requests."""
    build, parallel = profile.build, profile.parallel
    options: Options = [("tp_size", str(parallel.tp)), ("pp_size", str(parallel.pp))]
    if build.quantization is not None:
        options.append(("quantization", build.quantization))
    if build.by == "dataset":
        return [*options, ("dataset", dataset)]
    if build.by == "limits":
        options += [
            ("max_batch_size", str(build.max_batch_size)),
            ("max_num_tokens", str(build.max_num_tokens)),
        ]
    else:
        entry, output = requests.shape
        options += [("target_input_len", str(entry)), ("target_output_len", str(output))]
    longest = build.max_seq_len or requests.longest
    missing = tool.presence("build", "max_seq_len") is Presence.NO
    name = "max_seq_length" if missing else "max_seq_len"
    return [*options, *([(name, str(longest))] if longest is not None else [])]


def run_options(
    profile: BenchProfile,
    tool: Tool,
    configuration: Configuration,
    engine_dir: str,
    dataset: str,
    options_file: str | None,
) -> Options:
    """Return the options of `throughput` and `latency`, without those for output files."""
    benchmark, parallel = profile.benchmark, profile.parallel
    options: Options = []
    if profile.needs_engine:
        options.append(("engine_dir", engine_dir))
        if tool.version >= NAMED_TENSORRT:
            options.append(("backend", "tensorrt"))
    else:
        options += [
            ("backend", benchmark.backend or ""),
            ("tp", str(parallel.tp)),
            ("pp", str(parallel.pp)),
        ]
        if parallel.ep is not None:
            options.append(("ep", str(parallel.ep)))
    options.append(("dataset", dataset))
    if benchmark.concurrency:
        options.append(("concurrency", str(configuration.concurrency)))
    if benchmark.warm_up is not None:
        options.append(("warmup", str(benchmark.warm_up)))
    for name in (
        "num_requests", "max_batch_size", "max_num_tokens", "max_seq_len",
        "kv_cache_free_gpu_mem_fraction", "beam_width", "eos_id", "scheduler_policy",
    ):  # fmt: skip
        value = getattr(benchmark, name)
        if value is not None:
            options.append((name, str(value)))
    if options_file is not None:
        options.append(("extra_llm_api_options", options_file))
    if benchmark.chunked_context:
        options.append(("enable_chunked_context", None))
    elif benchmark.chunked_context is False and tool.has(benchmark.command, "disable_chunked_context"):
        options.append(("disable_chunked_context", None))
    options += options_of(benchmark, "bench run", only_made=True)
    return [*options, *([("streaming", None)] if benchmark.streaming else [])]


def options_by_part(plan: Plan) -> list[tuple[Part, list[str]]]:
    """Return the arguments that each stage of a plan passes to each part of the tool."""
    found: list[tuple[Part, list[str]]] = []
    commands: tuple[Part, ...] = ("build", "throughput", "latency")
    for stage in plan.stages:
        if stage.skip or stage.name not in ("build", "benchmark"):
            continue
        argv = stage.argv[stage.argv.index("--model") :]
        for part in commands:
            if part in argv:
                at = argv.index(part)
                found += [("group", argv[:at]), (part, argv[at + 1 :])]
                break
    return found
