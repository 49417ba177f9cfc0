"""Rules between the fields of a trtllm-bench profile that apply to all versions of the tool."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.tensorrt_llm.more_options import FIELDS
from runner.engines.tensorrt_llm.shared_rules import container_problems, path_problems
from runner.engines.trtllm_bench.llm_options import FIELD, value_problems
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.schema.base import Problem, mpirun_problems

MOST_RANKS = 8
"""`trtllm-bench build` rejects more."""
LEVELS = ("info", "verbose", "debug", "trace")
OWN_OPTIONS = {
    "build": ("tp_size", "pp_size", "dataset", "target_input_len", "target_output_len", "max_seq_length"),
    "benchmark": (
        "model", "model_path", "engine_dir", "dataset", "tp", "pp", "ep", "report_json", "request_json",
        "output_json", "iteration_log", "warmup", "extra_llm_api_options", "config",
        "enable_chunked_context", "disable_chunked_context",
    ),
}  # fmt: skip
"""Options of a stage's command that do not come from a field of the same name."""


def rules(profile: BenchProfile) -> list[Problem]:
    """Return every broken rule, with the conflicting values and what is allowed."""
    problems = [*_model(profile), *_dataset(profile), *_extra_args(profile), *_environment(profile)]
    problems += _slo(profile)
    launch = profile.launch
    problems += [*path_problems(profile.paths), *container_problems(launch.container, launch.mpirun)]
    problems += mpirun_problems(launch.mpirun, launch.slurm)
    if len(set(profile.stages)) < len(profile.stages):
        problems.append(Problem("stages", "names a stage twice; keep one of them"))
    if profile.selects("build"):
        problems += _build(profile)
    if profile.selects("benchmark"):
        problems += _benchmark(profile)
    return problems


def _environment(profile: BenchProfile) -> Iterator[Problem]:
    """Yield a log level that hides the report, which is logged at level info."""
    level = profile.launch.env.get("TLLM_LOG_LEVEL", "info")
    if level.lower() not in LEVELS:
        yield Problem(
            "launch.env.TLLM_LOG_LEVEL",
            f"{level!r} hides the report that trtllm-bench logs; allowed: {', '.join(LEVELS)}",
        )


def _model(profile: BenchProfile) -> Iterator[Problem]:
    name, folder = profile.model.name, profile.model.dir
    if not name or name[0] in "/-." or name != name.strip():
        yield Problem(
            "model.name",
            f"{name!r} is not a name at Hugging Face like meta-llama/Llama-3.1-8B;"
            " a folder belongs in model.dir",
        )
    if folder is not None and not folder.startswith("/"):
        yield Problem("model.dir", f"{folder} is not absolute; stages run in another folder")


def _slo(profile: BenchProfile) -> Iterator[Problem]:
    benchmark = profile.benchmark
    if benchmark.streaming or benchmark.command == "latency":
        return
    for name in ("ttft_ms", "tpot_ms"):
        if getattr(benchmark.slo, name) is not None:
            yield Problem(
                f"benchmark.slo.{name}",
                "is known only when tokens are streamed; set benchmark.streaming: true, or bound e2e_ms",
            )


def _dataset(profile: BenchProfile) -> Iterator[Problem]:
    dataset = profile.dataset
    if dataset.file is not None:
        if not dataset.file.startswith("/"):
            yield Problem("dataset.file", f"{dataset.file} is not absolute; stages run in another folder")
        return
    for kind in ("input", "output"):
        mean, spread = getattr(dataset, f"{kind}_len"), getattr(dataset, f"{kind}_spread")
        if dataset.lengths == "fixed" and spread:
            yield Problem(
                f"dataset.{kind}_spread",
                f"{spread} has no effect with lengths: fixed; allowed: 0, or another kind",
            )
        if dataset.lengths == "uniform" and spread >= mean:
            yield Problem(
                f"dataset.{kind}_spread",
                f"{spread} around {kind}_len {mean} reaches lengths below 1; allowed: up to {mean - 1}",
            )


def _build(profile: BenchProfile) -> Iterator[Problem]:
    build, ranks = profile.build, profile.parallel.ranks
    if ranks > MOST_RANKS:
        yield Problem(
            "parallel.tp",
            f"tp {profile.parallel.tp} x pp {profile.parallel.pp} is more than trtllm-bench builds for;"
            f" allowed: up to {MOST_RANKS} ranks, or give paths.engine_dir",
        )
    for field in ("max_batch_size", "max_num_tokens"):
        given = getattr(build, field) is not None
        if build.by == "limits" and not given:
            yield Problem(f"build.{field}", "missing; by: limits needs max_batch_size and max_num_tokens")
        if build.by != "limits" and given:
            yield Problem(
                f"build.{field}", f"has no effect with by: {build.by}; set by: limits, or remove it"
            )
    if build.by == "dataset" and build.max_seq_len is not None:
        yield Problem(
            "build.max_seq_len", "comes from the dataset with by: dataset; set by: limits, or remove it"
        )
    if profile.dataset.file is not None and build.by == "lengths":
        yield Problem(
            "build.by", "lengths are those of a generated dataset; with dataset.file use dataset or limits"
        )


def _benchmark(profile: BenchProfile) -> Iterator[Problem]:
    benchmark = profile.benchmark
    if len(set(benchmark.concurrency)) < len(benchmark.concurrency):
        yield Problem("benchmark.concurrency", "names a value twice; keep one of them")
    if benchmark.beam_width is not None and benchmark.concurrency:
        yield Problem(
            "benchmark.beam_width", "trtllm-bench takes it or concurrency, not both; remove one of them"
        )
    if benchmark.extra_llm_api_options is not None:
        if benchmark.options_file is not None:
            yield Problem("benchmark.options_file", f"excludes {FIELD}; keep one of them")
        yield from value_problems(benchmark.extra_llm_api_options, FIELD)
    if benchmark.command == "latency" and benchmark.streaming:
        yield Problem("benchmark.streaming", "latency always streams; remove the line")
    if profile.needs_engine and benchmark.max_seq_len is not None:
        yield Problem(
            "benchmark.max_seq_len", "an engine has it built in; set build.max_seq_len, or remove the line"
        )
    if not profile.needs_engine and profile.paths.engine_dir:
        yield Problem(
            "paths.engine_dir",
            f"the backend {benchmark.backend} takes no engine; remove the line, or set backend: null",
        )
    asked = benchmark.num_requests
    if asked is not None and profile.dataset.file is None and asked > profile.dataset.num_requests:
        yield Problem(
            "benchmark.num_requests",
            f"{asked} is more than dataset.num_requests {profile.dataset.num_requests}",
        )


def _extra_args(profile: BenchProfile) -> Iterator[Problem]:
    """Yield options given twice, which may contradict the profile."""
    for name, section in (("build", profile.build), ("benchmark", profile.benchmark)):
        for word in section.extra_args:
            option = word.partition("=")[0].removeprefix("--")
            if not word.startswith("--"):
                continue
            if option in section.__struct_fields__ and (
                option not in FIELDS["bench run"] or getattr(section, option)
            ):
                yield Problem(f"{name}.extra_args", f"{word}: set {name}.{option} instead")
            elif option in OWN_OPTIONS[name]:
                yield Problem(
                    f"{name}.extra_args", f"{word}: the profile already sets this option; remove it"
                )
