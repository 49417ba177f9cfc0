"""What a profile says in the words of trtllm-bench, of the version that is there."""

from __future__ import annotations

from runner.engines.tensorrt_llm.options import Words
from runner.engines.trtllm_bench import dataset as bench_dataset
from runner.engines.trtllm_bench.dataset import Requests
from runner.engines.trtllm_bench.options import NAMED_TENSORRT, Part, Tool
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import Configuration, Plan


def dataset_words(profile: BenchProfile, tool: Tool) -> Words:
    """Options of the maker of requests."""
    dataset = profile.dataset
    words: Words = [("form", bench_dataset.form_of(tool.version)), ("lengths", dataset.lengths)]
    names = ("input_len", "output_len", "input_spread", "output_spread", "num_requests", "seed")
    words += [(name, str(getattr(dataset, name))) for name in names]
    if dataset.vocab_size is not None:
        words.append(("vocab_size", str(dataset.vocab_size)))
    if profile.model.dir is not None:
        words.append(("model_dir", profile.model.dir))
    return words


def group_words(profile: BenchProfile, tool: Tool, model: str) -> Words:
    """Options before the name of the command."""
    words: Words = [("model", model)]
    if profile.model.dir is not None and tool.has("group", "model_path"):
        words.append(("model_path", profile.model.dir))
    return words


def tokenizer(profile: BenchProfile, tool: Tool) -> str:
    """What --model names; before there was --model_path the folder, of which the tokenizer is read."""
    folder = profile.model.dir
    if folder is None or tool.has("group", "model_path"):
        return profile.model.name
    return folder


def build_words(profile: BenchProfile, tool: Tool, dataset: str, requests: Requests) -> Words:
    """Options of `trtllm-bench build`; `dataset` is the file of the requests."""
    build, parallel = profile.build, profile.parallel
    words: Words = [("tp_size", str(parallel.tp)), ("pp_size", str(parallel.pp))]
    if build.quantization is not None:
        words.append(("quantization", build.quantization))
    if build.by == "dataset":
        return [*words, ("dataset", dataset)]
    if build.by == "limits":
        words += [
            ("max_batch_size", str(build.max_batch_size)),
            ("max_num_tokens", str(build.max_num_tokens)),
        ]
    else:
        entry, output = requests.shape
        words += [("target_input_len", str(entry)), ("target_output_len", str(output))]
    longest = build.max_seq_len or requests.longest
    name = "max_seq_len" if tool.has("build", "max_seq_len") else "max_seq_length"
    return [*words, *([(name, str(longest))] if longest is not None else [])]


def run_words(
    profile: BenchProfile, tool: Tool, configuration: Configuration, engine_dir: str, dataset: str
) -> Words:
    """Options of `throughput` and `latency`, without those that name files to write."""
    benchmark, parallel = profile.benchmark, profile.parallel
    words: Words = []
    if profile.needs_engine:
        words.append(("engine_dir", engine_dir))
        if tool.version >= NAMED_TENSORRT:
            words.append(("backend", "tensorrt"))
    else:
        words += [
            ("backend", benchmark.backend or ""),
            ("tp", str(parallel.tp)),
            ("pp", str(parallel.pp)),
        ]
        if parallel.ep is not None:
            words.append(("ep", str(parallel.ep)))
    words.append(("dataset", dataset))
    if benchmark.concurrency:
        words.append(("concurrency", str(configuration.concurrency)))
    if benchmark.warm_up is not None:
        words.append(("warmup", str(benchmark.warm_up)))
    for name in (
        "num_requests", "max_batch_size", "max_num_tokens", "max_seq_len",
        "kv_cache_free_gpu_mem_fraction", "beam_width", "eos_id", "scheduler_policy",
    ):  # fmt: skip
        value = getattr(benchmark, name)
        if value is not None:
            words.append((name, str(value)))
    if benchmark.options_file is not None:
        words.append(("extra_llm_api_options", benchmark.options_file))
    if benchmark.chunked_context:
        words.append(("enable_chunked_context", None))
    elif benchmark.chunked_context is False and tool.has("throughput", "disable_chunked_context"):
        words.append(("disable_chunked_context", None))
    return [*words, *([("streaming", None)] if benchmark.streaming else [])]


def words_of(plan: Plan) -> list[tuple[Part, list[str]]]:
    """The options that each stage of a plan gives to each part of the tool."""
    found: list[tuple[Part, list[str]]] = []
    commands: tuple[Part, ...] = ("build", "throughput", "latency")
    for stage in plan.stages:
        if stage.skip or stage.name not in ("build", "benchmark"):
            continue
        words = stage.argv[next(i for i, word in enumerate(stage.argv) if word == "--model") :]
        for part in commands:
            if part in words:
                at = words.index(part)
                found += [("group", words[:at]), (part, words[at + 1 :])]
                break
    return found
