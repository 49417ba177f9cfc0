"""Rules between the fields of a trtllm profile: what upstream would reject late, or skip silently."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.tensorrt_llm.more_options import FIELDS
from runner.engines.tensorrt_llm.shared_rules import container_problems, path_problems
from runner.engines.trtllm.families import script_of
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm.quantization import quantize_problems
from runner.schema.base import Problem, Section, loop_problems, mpirun_problems

DEFAULT_MAX_BATCH_SIZE = 2048
DEFAULT_MAX_INPUT_LEN = 1024
DEFAULT_MAX_NUM_TOKENS = 8192
OWN_OPTIONS = {
    "convert": ("model_dir", "output_dir", "tp_size", "tp", "pp_size", "pp", "dtype"),
    "quantize": ("model_dir", "output_dir", "tp_size", "pp_size", "dtype"),
    "build": ("checkpoint_dir", "output_dir"),
    "smoke": ("engine_dir", "tokenizer_dir", "input_text"),
    "benchmark": ("model", "engine_dir"),
}
"""Options of a stage's command that come from other sections of the profile than its own."""

MADE = {"convert": "convert", "build": "build", "smoke": "run"}
"""Section -> its further fields in `FIELDS`; older profiles have such options in `extra_args`."""


def rules(profile: TrtllmProfile) -> list[Problem]:
    """Return every broken rule, with the conflicting values and what is allowed."""
    problems = loop_problems(profile.benchmark.num_runs, profile.benchmark.duration)
    problems += [*_stages(profile), *path_problems(profile.paths), *_extra_args(profile)]
    problems += mpirun_problems(profile.launch.mpirun, profile.launch.slurm)
    problems += container_problems(profile.launch.container, profile.launch.mpirun)
    if profile.selects("convert"):
        problems += _convert(profile)
    problems += quantize_problems(profile)
    if profile.selects("build"):
        problems += _build(profile)
    if profile.selects("benchmark"):
        problems += _benchmark(profile)
        if not profile.paths.engine_dir:
            problems += [*_limits(profile), *_engine_for_benchmark(profile)]
    return problems


def _stages(profile: TrtllmProfile) -> Iterator[Problem]:
    if len(set(profile.stages)) < len(profile.stages):
        yield Problem("stages", "names a stage twice; keep one of them")
    stage = profile.checkpoint_stage
    if not profile.model.dir and profile.selects(stage):
        yield Problem(
            "model.dir",
            f"missing; {stage} needs the model's folder (or give paths.checkpoint_dir or engine_dir)",
        )
    if not profile.model.dir and not profile.paths.tokenizer_dir and profile.selects("smoke"):
        yield Problem("paths.tokenizer_dir", "missing; smoke needs a tokenizer: give this or model.dir")
    if profile.benchmark.mode == "enc" and profile.selects("smoke"):
        yield Problem("stages", "smoke asks for text, which an encoder does not generate; leave smoke out")


def _extra_args(profile: TrtllmProfile) -> Iterator[Problem]:
    """Yield options given twice: argparse takes the last one, which may contradict the profile."""
    sections: dict[str, tuple[Section, list[str]]] = {
        "convert": (profile.convert, profile.convert.extra_args),
        "build": (profile.build, profile.build.extra_args),
        "smoke": (profile.smoke, profile.smoke.extra_args),
        "benchmark": (profile.benchmark, profile.benchmark.extra_args),
    }
    if profile.quantize is not None:
        sections["quantize"] = (profile.quantize, profile.quantize.extra_args)
    for name, (section, words) in sections.items():
        for word in words:
            option = word.partition("=")[0].removeprefix("--")
            if not word.startswith("--"):
                continue
            if option in OWN_OPTIONS[name]:
                yield Problem(
                    f"{name}.extra_args", f"{word}: the profile already sets this option; remove it"
                )
            elif option in section.__struct_fields__ and (
                option not in FIELDS.get(MADE.get(name, ""), ()) or getattr(section, option)
            ):
                yield Problem(f"{name}.extra_args", f"{word}: set {name}.{option} instead")


def _convert(profile: TrtllmProfile) -> Iterator[Problem]:
    convert, tp = profile.convert, profile.parallel.tp
    if convert.weight_only_precision and not convert.use_weight_only:
        yield Problem("convert.weight_only_precision", "has no effect without use_weight_only: true")
    for field in ("per_channel", "per_token"):
        if getattr(convert, field) and convert.smoothquant is None:
            yield Problem(f"convert.{field}", "has no effect without smoothquant, for example 0.5")
    if convert.use_weight_only and convert.smoothquant is not None:
        yield Problem("convert.smoothquant", "cannot be combined with use_weight_only; keep one of them")
    moe_tp, moe_ep = convert.moe_tp_size, convert.moe_ep_size
    if (moe_tp or moe_ep) and (moe_tp or 1) * (moe_ep or 1) != tp:
        yield Problem(
            "convert.moe_tp_size",
            f"moe_tp_size {moe_tp or 1} x moe_ep_size {moe_ep or 1} must be parallel.tp {tp}",
        )


def _build(profile: TrtllmProfile) -> Iterator[Problem]:
    """Yield a contradiction that trtllm-build notices only after it has loaded the checkpoint."""
    build = profile.build
    if build.kv_cache_type == "continuous" and build.paged_kv_cache == "enable":
        yield Problem(
            "build.kv_cache_type", "continuous contradicts paged_kv_cache: enable; remove one of the lines"
        )


def _benchmark(profile: TrtllmProfile) -> Iterator[Problem]:
    benchmark, pp, family = profile.benchmark, profile.parallel.pp, profile.model.family
    script = script_of(family)
    kind = "enc-dec" if script.two_parts else "enc" if script.by_architecture else None
    if kind is not None and benchmark.mode != kind:
        yield Problem("benchmark.mode", f"{benchmark.mode} does not fit the family {family}; set {kind}")
    if pp > 1:
        yield Problem(
            "parallel.pp",
            f"benchmark.py treats every rank as tensor parallel, so pp {pp} is measured wrong;"
            " allowed: 1, or leave benchmark out of stages",
        )
    if benchmark.mode == "dec" and benchmark.num_beams > 1:
        yield Problem(
            "benchmark.num_beams",
            f"{benchmark.num_beams} beams fail in benchmark.py with mode dec, which sets up one; allowed: 1",
        )
    if benchmark.dump_profile and benchmark.mode != "dec":
        yield Problem("benchmark.dump_profile", f"times layers with mode dec only, not {benchmark.mode}")


def _engine_for_benchmark(profile: TrtllmProfile) -> Iterator[Problem]:
    """Yield build options with which benchmark.py cannot load the engine."""
    benchmark, build, model = profile.benchmark, profile.build, profile.model
    if build.multiple_profiles == "enable":
        yield Problem(
            "build.multiple_profiles",
            "benchmark.py cannot run several of them; allowed: disable",
        )
    if min(benchmark.gpu_weights_percent) < 1 and not build.weight_streaming:
        yield Problem(
            "benchmark.gpu_weights_percent",
            f"{min(benchmark.gpu_weights_percent)} needs an engine with build.weight_streaming: true",
        )
    beams = build.max_beam_width or 1
    if benchmark.mode != "dec" and benchmark.num_beams > beams:
        yield Problem(
            "benchmark.num_beams", f"{benchmark.num_beams} is more than build.max_beam_width {beams}"
        )
    made_here = not profile.paths.checkpoint_dir
    if made_here and benchmark.dtype and model.dtype not in ("auto", benchmark.dtype):
        yield Problem(
            "benchmark.dtype",
            f"{benchmark.dtype} differs from the engine's, which comes from model.dtype {model.dtype};"
            " remove the line",
        )


def _limits(profile: TrtllmProfile) -> Iterator[Problem]:
    """Yield shapes that benchmark.py would skip (with exit code 0) as the engine is built too small."""
    benchmark, build = profile.benchmark, profile.build
    batch = max(benchmark.batch_size)
    if batch > (build.max_batch_size or DEFAULT_MAX_BATCH_SIZE):
        yield _too_small(
            "max_batch_size", build.max_batch_size, DEFAULT_MAX_BATCH_SIZE, f"batch size {batch}"
        )
    pairs = benchmark.input_output_len
    longest = max(benchmark.input_len) if benchmark.mode == "enc" else max(pair[0] for pair in pairs)
    limit = "max_encoder_input_len" if benchmark.mode == "enc-dec" else "max_input_len"
    if longest > (getattr(build, limit) or DEFAULT_MAX_INPUT_LEN):
        yield _too_small(limit, getattr(build, limit), DEFAULT_MAX_INPUT_LEN, f"input length {longest}")
    if benchmark.mode == "dec" and build.max_seq_len:
        total, pair = max((pair[0] + pair[1], pair) for pair in pairs)
        if total > build.max_seq_len:
            shape = f"input {pair[0]} + output {pair[1]} = {total}"
            yield _too_small("max_seq_len", build.max_seq_len, 0, shape)
    if benchmark.mode == "enc-dec" and build.max_seq_len:
        output = max(pair[1] for pair in pairs)
        if output > build.max_seq_len:
            yield _too_small("max_seq_len", build.max_seq_len, 0, f"output length {output}")
    tokens = batch * longest
    packed = build.remove_input_padding != "disable" and benchmark.mode != "enc-dec"
    if packed and tokens > (build.max_num_tokens or DEFAULT_MAX_NUM_TOKENS):
        shape = f"batch size {batch} x input length {longest} = {tokens} tokens in one step"
        yield _too_small("max_num_tokens", build.max_num_tokens, DEFAULT_MAX_NUM_TOKENS, shape)


def _too_small(field: str, given: int | None, default: int, shape: str) -> Problem:
    built = f"is {given}" if given else f"is not given, so TensorRT-LLM uses {default}"
    return Problem(
        f"build.{field}", f"{built}, but benchmark needs {shape}; raise it, or reduce the benchmark"
    )
