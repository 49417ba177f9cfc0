"""The options of TensorRT-LLM's programs for a profile, in the installed version."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.installed_options import choices_of, presence_of
from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.tensorrt_llm.more_options import Words
from runner.engines.tensorrt_llm.options import Options, ToolHelp, options_of
from runner.engines.tensorrt_llm.options_by_version import Presence
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm.families import class_options, script_of
from runner.engines.trtllm.profile import TrtllmProfile
from runner.plan.plan import Configuration

Program = Literal["convert", "quantize", "build", "run", "benchmark"]
SCRIPTS: dict[Program, str] = {
    "quantize": "quantize.py", "build": "trtllm-build", "run": "run.py", "benchmark": "benchmark.py",
}  # fmt: skip
NOT_IN_OUTPUT = ("workers", "log_level", "monitor_memory", "load_model_on_cpu", "output_timing_cache")
"""Options that change how an output is made, not its contents."""
FIRST_AUTO_DTYPE = Version.parse("0.15")
"""Before, no script takes `--dtype auto`."""


@dataclass(frozen=True)
class Programs:
    """What is known of the programs that the stages start."""

    version: Version | None
    family: str = ""
    """whose convert_checkpoint.py is used; empty: a script of the user's"""
    helps: Mapping[Program, ToolHelp] = field(default_factory=dict)
    """the `--help` of each program that was read"""

    def presence(self, program: Program, option: str) -> Presence:
        """Return whether a program has an option."""
        return presence_of(self.helps.get(program), self._in_table(program), option, self.version)

    def choices(self, program: Program, option: str) -> tuple[str, ...]:
        """Return the values that an option takes; empty: any, or not known."""
        return choices_of(self.helps.get(program), self._in_table(program), option, self.version)

    def is_flag(self, program: Program, option: str) -> bool:
        """Check that an option is known to take no value."""
        if self.version is None:
            return False
        found = options_by_version.properties_of(self._in_table(program), option, self.version)
        return found is not None and found.flag

    def why_missing(self, program: Program, option: str) -> str:
        """Return why a program does not have an option; empty when it has it, or when that is not known."""
        if self.presence(program, option) is not Presence.NO:
            return ""
        name = SCRIPTS.get(program) or f"{self.family} convert_checkpoint.py".lstrip()
        sentence = f"{name} of TensorRT-LLM {self.version} does not have it"
        if program in self.helps or self.version is None:
            return sentence
        when = options_by_version.since(self._in_table(program), option, self.version)
        others = self._families_with(option) if program == "convert" and not when else []
        if others:
            return f"{sentence}, {' and '.join(others)} {'has' if len(others) == 1 else 'have'} it"
        return f"{sentence}; {when}" if when else sentence

    def _families_with(self, option: str) -> list[str]:
        assert self.version is not None
        having = [
            program
            for program in options_by_version.programs()
            if program.startswith("convert ")
            and options_by_version.presence(program, option, self.version) is Presence.YES
        ]
        return [program.removeprefix("convert ") for program in having]

    def _in_table(self, program: Program) -> str:
        return f"convert {self.family}" if program == "convert" else program


def build_options(profile: TrtllmProfile, programs: Programs) -> Options:
    """Return the options of trtllm-build; a switch without value in this version is given or left out."""
    options: Options = []
    for name, value in options_of(profile.build, "build"):
        if value in ("enable", "disable") and programs.is_flag("build", name):
            options += [(name, None)] if value == "enable" else []
        else:
            options.append((name, value))
    return options


def convert_options(profile: TrtllmProfile, programs: Programs, model: ModelConfig | None) -> Options:
    """Return the options of convert_checkpoint.py.

    Size and dtype are explicit, as their defaults differ between versions. For a script that does not take
    `auto`, the dtype is the model's own.
    """
    family, parallel = profile.model.family, profile.parallel
    script = script_of(family)
    tp = [(script.tp_size, str(parallel.tp))] if script.tp_size else []
    pp = [(script.pp_size, str(parallel.pp))] if parallel.pp > 1 and script.pp_size else []
    return [
        *script.always,
        *class_options(family, model.architecture if model else ""),
        *tp,
        *pp,
        ("dtype", dtype_word(profile, programs, model)),
        *options_of(profile.convert, "convert"),
    ]


def dtype_word(profile: TrtllmProfile, programs: Programs, model: ModelConfig | None) -> str:
    """Return the dtype for the script that makes the checkpoint; the model's own if it takes no `auto`."""
    dtype: str = profile.model.dtype
    if dtype != "auto" or _takes_auto(programs, profile.checkpoint_stage):
        return dtype
    return converted_dtype(model) or dtype


def part_options(profile: TrtllmProfile, programs: Programs, part: str) -> Options:
    """Return the options of trtllm-build for the encoder or the decoder of a model that has both.

    The encoder has no KV cache and generates nothing; the decoder begins with one token.
    """
    build = profile.build
    if part == "encoder":
        changes: dict[str, str | None] = {
            "max_input_len": _text(build.max_encoder_input_len or build.max_input_len),
            "max_encoder_input_len": None,
            "max_seq_len": None,
        }
        no_cache = {"kv_cache_type": "disabled", "paged_kv_cache": None}
        if programs.presence("build", "kv_cache_type") is Presence.NO:
            no_cache = {"paged_kv_cache": "disable"}
        changes |= no_cache
    else:
        longest = _text(build.max_encoder_input_len or build.max_input_len)
        changes = {"max_input_len": "1", "max_encoder_input_len": longest}
    given = {"moe_plugin": "disable", **dict(build_options(profile, programs))}
    kept = [(name, value) for name, value in given.items() if name not in changes]
    return [*kept, *((name, value) for name, value in changes.items() if value is not None)]


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def smoke_options(profile: TrtllmProfile) -> Options:
    """Return the options of run.py, without prompt and paths."""
    return options_of(profile.smoke, "run", only_made=True)


def benchmark_options(profile: TrtllmProfile, engine_dir: str, dtype: str | None) -> Options:
    """Return the options of benchmark.py, which joins lists by semicolons."""
    benchmark = profile.benchmark
    options: Options = [
        ("model", benchmark.mode),
        ("engine_dir", engine_dir),
        ("batch_size", ";".join(map(str, benchmark.batch_size))),
    ]
    if benchmark.mode == "enc":
        options.append(("input_len", ";".join(map(str, benchmark.input_len))))
    else:
        pairs = ";".join(f"{entry},{output}" for entry, output in benchmark.input_output_len)
        options.append(("input_output_len", pairs))
    options += [
        ("num_runs", str(benchmark.num_runs)),
        ("duration", str(benchmark.duration)),
        ("warm_up", str(benchmark.warm_up)),
    ]
    if dtype is not None:
        options.append(("dtype", dtype))
    if benchmark.num_beams > 1:
        options.append(("num_beams", str(benchmark.num_beams)))
    if benchmark.gpu_weights_percent != [1.0]:
        options.append(("gpu_weights_percent", ";".join(map(str, benchmark.gpu_weights_percent))))
    flags = ("enable_cuda_graph", "csv", "dump_profile")
    options += [(flag, None) for flag in flags if getattr(benchmark, flag)]
    return [*options, ("log_level", benchmark.log_level)]


def converted_dtype(model: ModelConfig | None) -> str | None:
    """Return the dtype that `auto` means: the model's own, except that float32 becomes float16."""
    if model is None or not model.dtype:
        return None
    return {"float32": "float16"}.get(model.dtype, model.dtype)


def _takes_auto(programs: Programs, program: Program) -> bool:
    choices = programs.choices(program, "dtype")
    if choices:
        return "auto" in choices
    if program == "convert" and not script_of(programs.family).dtype_auto:
        return False
    return programs.version is None or programs.version >= FIRST_AUTO_DTYPE


def option_problems(profile: TrtllmProfile, programs: Programs, model: ModelConfig | None) -> Iterator[str]:
    """Yield a sentence for each field whose option or value the installed program would reject."""
    program = profile.checkpoint_stage
    unstated = profile.model.dtype == "auto" and converted_dtype(model) is None
    if profile.selects(program) and unstated and not _takes_auto(programs, program):
        name = SCRIPTS.get(program, "convert_checkpoint.py")
        yield (
            f"model.dtype: {name} of TensorRT-LLM {programs.version} does not take auto,"
            " and the model's config.json states no dtype; set it"
        )
    if profile.selects("convert"):
        yield from _parallel_problems(profile)
        yield from _problems("convert", options_of(profile.convert, "convert"), programs)
    if profile.quantize is not None and profile.selects("quantize"):
        yield from _problems("quantize", options_of(profile.quantize, "quantize"), programs)
    if profile.selects("build"):
        yield from _problems("build", options_of(profile.build, "build"), programs)
        if profile.selects("benchmark"):
            yield from _small_default(profile, programs.version)
    if profile.selects("smoke"):
        yield from _problems("run", smoke_options(profile), programs, "smoke")


def _small_default(profile: TrtllmProfile, version: Version | None) -> Iterator[str]:
    """Yield a batch size that benchmark.py would skip, as the version's own limit is small."""
    if version is None or profile.build.max_batch_size is not None:
        return
    found = options_by_version.properties_of("build", "max_batch_size", version)
    batch = max(profile.benchmark.batch_size)
    if found is not None and found.default.isdigit() and batch > int(found.default):
        yield (
            f"build.max_batch_size: is not given, so TensorRT-LLM {version} uses {found.default}, but"
            f" benchmark needs batch size {batch}; raise it, or reduce the benchmark"
        )


def _parallel_problems(profile: TrtllmProfile) -> Iterator[str]:
    """Yield ways of spreading a model that the script of its family does not know."""
    family, parallel, script = profile.model.family, profile.parallel, script_of(profile.model.family)
    if parallel.tp > 1 and not script.tp_size:
        yield f"parallel.tp: convert_checkpoint.py of {family} makes checkpoints for one GPU; set 1"
    if parallel.pp > 1 and not script.pp_size:
        yield f"parallel.pp: convert_checkpoint.py of {family} does not split a model into stages; set 1"


def _problems(program: Program, options: Options, programs: Programs, section: str = "") -> Iterator[str]:
    """Yield a sentence for each option that a program lacks, or whose value it refuses."""
    section = section or program
    for name, value in options:
        if why := programs.why_missing(program, name):
            yield f"{section}.{name}: {why}"
            continue
        allowed = programs.choices(program, name)
        values = value.split() if isinstance(value, Words) else [value]
        wrong = [one for one in values if one is not None and one not in allowed]
        if wrong and allowed and not programs.is_flag(program, name):
            yield (
                f"{section}.{name}: {' '.join(wrong)} is not allowed in TensorRT-LLM {programs.version};"
                f" allowed: {', '.join(allowed)}"
            )


def configurations(profile: TrtllmProfile) -> list[Configuration]:
    """Return every length with every batch size and share of weights, in upstream's order of measuring."""
    benchmark = profile.benchmark
    lengths = (
        [(entry, 0) for entry in benchmark.input_len]
        if benchmark.mode == "enc"
        else benchmark.input_output_len
    )
    return [
        Configuration(batch, entry, output, percent)
        for entry, output in lengths
        for batch in benchmark.batch_size
        for percent in benchmark.gpu_weights_percent
    ]


def output_identity(options: Options, extra: list[str]) -> dict[str, str]:
    """Return the options that identify the output of a stage, for the cache."""
    identity = {name: str(value or "on") for name, value in options if name not in NOT_IN_OUTPUT}
    return identity | ({"extra_args": shlex.join(extra)} if extra else {})
