"""Checks of a trtllm profile: version, files, limits of the engine, options, memory and disk."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.check import Check, Verdict, gib, gpu_memory_brief
from runner.engines.facts import MachineFacts, ProbeAnswer, ProbeQuestions
from runner.engines.host_memory import host_memory_check
from runner.engines.mpi import slot_check
from runner.engines.tensorrt_llm.engine_checks import REBUILD, check_builder, no_engine
from runner.engines.tensorrt_llm.engine_config import EngineConfig, read_engine
from runner.engines.tensorrt_llm.installation import version_of_tree
from runner.engines.tensorrt_llm.model_config import ModelConfig, read_config
from runner.engines.tensorrt_llm.options import parse_help
from runner.engines.tensorrt_llm.start_memory import EXECUTION_NOT_PREDICTED
from runner.engines.tensorrt_llm.versions import (
    AFTER,
    FIRST,
    LAST,
    Version,
    example_folder,
    version_of,
    why_unsupported,
)
from runner.engines.trtllm import quantization
from runner.engines.trtllm.arguments import SCRIPTS, Program, configurations
from runner.engines.trtllm.compatibility import mismatches
from runner.engines.trtllm.families import PARTS, script_of
from runner.engines.trtllm.installation import help_texts
from runner.engines.trtllm.memory import NOT_KNOWN, StoredModel, count_memory, stored_model
from runner.engines.trtllm.profile import StageName, TrtllmProfile
from runner.plan.plan import Plan

PROGRAMS: dict[Program, str] = {"convert": "convert_checkpoint.py", **SCRIPTS}
"""Program -> its name in `MachineFacts.helps`."""
STAGES: dict[StageName, Program] = {
    "convert": "convert", "quantize": "quantize", "build": "build", "smoke": "run", "benchmark": "benchmark",
}  # fmt: skip
"""Stage -> its program."""
REPOSITORY = "https://github.com/NVIDIA/TensorRT-LLM"
USUAL_VERSION = "0.16.0"
"""The version that is advised where none is installed."""


def checks(profile: TrtllmProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Yield the checks that the stages of a profile need."""
    model = read_config(_config(probe, profile.model.dir))
    engine = read_engine(_config(probe, profile.paths.engine_dir))
    version = _installed(probe)
    yield _version(profile, facts, probe, version)
    yield _scripts(profile, probe, version)
    yield from _programs(profile, facts, probe)
    yield from _model(profile, probe, model)
    yield from _engine(profile, probe, engine, version)
    yield from _options(profile, facts)
    if profile.selects("benchmark"):
        yield _memory(profile, facts, probe, model)
        yield _loop(profile)
    if profile.selects("smoke") or profile.selects("benchmark"):
        slots = slot_check(profile.parallel.ranks, profile.launch.mpirun, facts, probe)
        yield from [slots] if slots is not None else []
    yield from _host_memory(profile, facts, probe)
    yield from quantization.checks(profile, facts, probe, model)
    yield from _disk(profile, facts, probe, model)


def questions(profile: TrtllmProfile) -> ProbeQuestions:
    """Return what the checks need to know about files on the machine or in the container."""
    tree, engine = profile.paths.tensorrt_llm, profile.paths.engine_dir
    folders = [path for path in (profile.model.dir, profile.paths.checkpoint_dir, engine) if path]
    return ProbeQuestions(
        paths=[tree, *convert_scripts(profile), *scripts(profile), *folders],
        texts=[*_configs(folders), f"{tree}/tensorrt_llm/version.py"],
        weights=[path for folder in folders for path in (folder, *(f"{folder}/{part}" for part in PARTS))],
        disks=[profile.paths.work],
    )


def program_helps(profile: TrtllmProfile, plan: Plan | None) -> dict[str, str]:
    """Return the `--help` of the programs that the plan starts; the plan has read them already."""
    if plan is None:
        return {}
    started = {
        program for name, program in STAGES.items() if any(s.name == name and not s.skip for s in plan.stages)
    }
    return {PROGRAMS[name]: text for name, text in help_texts(profile).items() if name in started}


def convert_scripts(profile: TrtllmProfile) -> list[str]:
    """Return the possible paths of convert_checkpoint.py; one of them is enough."""
    if profile.model.script:
        return [profile.model.script]
    tree, family = profile.paths.tensorrt_llm, profile.model.family
    family = script_of(family).folder or family
    folders = {example_folder(family, None), example_folder(family, Version.parse(AFTER))}
    return [f"{tree}/{folder}/convert_checkpoint.py" for folder in sorted(folders)]


def scripts(profile: TrtllmProfile) -> list[str]:
    """Return the scripts of the source tree that the stages after build start."""
    tree = profile.paths.tensorrt_llm
    found = [f"{tree}/{quantization.SCRIPT}"] if profile.selects("quantize") else []
    if profile.selects("smoke"):
        found.append(f"{tree}/examples/run.py")
    if profile.selects("benchmark"):
        names = ("benchmark", "base_benchmark", "gpt_benchmark")
        found += [f"{tree}/benchmarks/python/{name}.py" for name in names]
    return found


def _configs(folders: list[str]) -> list[str]:
    """Return where the config of an engine, a checkpoint or a model is; of two parts the decoder decides."""
    return [path for folder in folders for path in (f"{folder}/config.json", f"{folder}/decoder/config.json")]


def _config(probe: ProbeAnswer, folder: str | None) -> bytes:
    texts = (probe.texts.get(path, "") for path in _configs([str(folder)]))
    return next((text.encode() for text in texts if text), b"")


def _size(probe: ProbeAnswer, folder: str | None) -> int:
    """Return the bytes of the weights in a folder and in those of its parts."""
    return sum(probe.weights.get(f"{folder}{part}", 0) for part in ("", *(f"/{part}" for part in PARTS)))


def _installed(probe: ProbeAnswer) -> Version | None:
    return version_of(probe.packages.get("tensorrt_llm", ""))


def _version(
    profile: TrtllmProfile, facts: MachineFacts, probe: ProbeAnswer, version: Version | None
) -> Check:
    if version is None:
        text = f"no package tensorrt_llm in {facts.python}; required: {FIRST} to {LAST}"
        fix = "set launch.python to the interpreter that has it, or launch.container"
        return Check("TensorRT-LLM", "fail", text, fix, "TensorRT-LLM is not installed")
    if profile.selects("benchmark") and (reason := why_unsupported(version)):
        return Check("TensorRT-LLM", "fail", reason, brief=f"TensorRT-LLM {version} is not supported")
    tree = probe.texts.get(f"{profile.paths.tensorrt_llm}/tensorrt_llm/version.py", "")
    stated = version_of_tree(tree.encode())
    if stated and stated != str(version):
        text = f"{version} is installed, the source tree is {stated}; scripts and package may not match"
        return Check("TensorRT-LLM", "warn", text, f"git -C {profile.paths.tensorrt_llm} checkout v{version}")
    return Check("TensorRT-LLM", "pass", f"{version} in {facts.python}")


def _scripts(profile: TrtllmProfile, probe: ProbeAnswer, version: Version | None) -> Check:
    tree, tag = profile.paths.tensorrt_llm, f"v{version or USUAL_VERSION}"
    if not probe.exists.get(tree, False):
        clone = f"git clone --depth 1 --branch {tag} {REPOSITORY} {tree}"
        text = f"paths.tensorrt_llm: {tree} does not exist"
        return Check("scripts", "fail", text, clone, f"no folder {tree}")
    missing = [path for path in scripts(profile) if not probe.exists.get(path, False)]
    candidates = convert_scripts(profile) if profile.selects("convert") else []
    if candidates and not any(probe.exists.get(path, False) for path in candidates):
        missing.insert(0, candidates[0])
    if missing:
        text = f"missing: {', '.join(missing)}; required: the source tree of {FIRST} to {LAST}"
        return Check("scripts", "fail", text, f"git -C {tree} checkout {tag}", "scripts are missing")
    return Check("scripts", "pass", f"complete in {tree}")


def _programs(profile: TrtllmProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    if (
        facts.makes("build")
        and not probe.programs.get("trtllm-build")
        and not facts.helps.get("trtllm-build")
    ):
        text = "trtllm-build is neither next to the interpreter nor on PATH"
        yield Check(
            "trtllm-build", "fail", text, "set launch.python to the interpreter that has tensorrt_llm"
        )
    if profile.selects("benchmark") and not probe.programs.get("nvidia-smi"):
        text = "nvidia-smi is missing; benchmark.py calls it for each result and would crash at the end"
        fix = "docker run --gpus=all, or install the driver's tools"
        yield Check("nvidia-smi", "fail", text, fix, "nvidia-smi is missing")
    if profile.benchmark.dump_profile and "pandas" not in probe.packages:
        text = "dump_profile needs pandas, which is not installed"
        yield Check("pandas", "fail", text, f"{facts.python} -m pip install pandas")


def _model(profile: TrtllmProfile, probe: ProbeAnswer, model: ModelConfig | None) -> Iterator[Check]:
    folder, tp = profile.model.dir, profile.parallel.tp
    if folder is None:
        return
    needed = profile.selects(profile.checkpoint_stage) or (
        profile.selects("smoke") and not profile.paths.tokenizer_dir
    )
    if not probe.exists.get(folder, False):
        text = f"model.dir: {folder} does not exist"
        verdict: Verdict = "fail" if needed else "warn"
        yield Check("model", verdict, text, "--set model.dir=FOLDER", f"no folder {folder}")
        return
    if model is None:
        text = f"{folder} has no config.json that states heads and layers"
        yield Check("model", "fail" if needed else "warn", text, f"ls {folder}")
        return
    yield Check("model", "pass", f"{folder}, {gib(probe.weights.get(folder, 0))} of weights")
    problem = model.tp_problem(tp)
    if problem and profile.selects(profile.checkpoint_stage):
        best = max((n for n in model.allowed_tp() if n <= tp), default=1)
        yield Check("heads", "fail", problem, f"--set parallel.tp={best}", f"tp {tp} does not fit the heads")
    elif not problem:
        text = f"tp {tp} fits {model.heads} heads and {model.kv_heads} key/value heads"
        yield Check("heads", "pass", text)


def _engine(
    profile: TrtllmProfile, probe: ProbeAnswer, engine: EngineConfig | None, version: Version | None
) -> Iterator[Check]:
    folder = profile.paths.engine_dir
    if folder is None:
        return
    if engine is None:
        yield no_engine(folder)
        return
    wrong = mismatches(engine, profile) if profile.selects("benchmark") else []
    if wrong:
        yield Check("engine", "fail", "\n".join(wrong), REBUILD)
        return
    if (failed := check_builder(engine, version)) is not None:
        yield failed
        return
    limits = engine.build_config
    shape = f"max_batch_size {limits.max_batch_size}, max_input_len {limits.max_input_len}"
    yield Check("engine", "pass", f"{folder}: {shape}, max_seq_len {limits.max_seq_len}")


def _first_option(profile: TrtllmProfile, program: Program) -> str:
    """Return the option that the arguments of a program begin with."""
    if program == "quantize":
        return "--model_dir"
    if program == "convert":
        return f"--{script_of(profile.model.family).model_dir}"
    return {"build": "--checkpoint_dir", "run": "--engine_dir"}.get(program, "--model")


def _options(profile: TrtllmProfile, facts: MachineFacts) -> Iterator[Check]:
    """Check the arguments against the --help of the installed programs."""
    if facts.plan is None:
        return
    for stage in facts.plan.stages:
        program = next((program for name, program in STAGES.items() if name == stage.name), None)
        if program is None or not facts.helps.get(PROGRAMS[program]):
            continue
        name, tool = f"{stage.name} options", PROGRAMS[program]
        options = stage.argv.index(_first_option(profile, program))
        known = parse_help(facts.helps[tool])
        if stage.argv[options] not in known.options:
            text = f"{tool} --help does not list its options, so they are not checked"
            yield Check(name, "warn", text, f"{tool} --help")
            continue
        problems = known.problems(stage.argv[options:])
        if problems:
            yield Check(name, "fail", f"{tool}: " + "\n".join(problems), f"{tool} --help")
        else:
            yield Check(name, "pass", f"{tool} has all of them")


# --- memory and disk ---------------------------------------------------------------------------------------


def _stored(profile: TrtllmProfile, probe: ProbeAnswer, model: ModelConfig | None) -> StoredModel | None:
    return stored_model(profile, lambda folder: _size(probe, folder), model)


def _memory(
    profile: TrtllmProfile, facts: MachineFacts, probe: ProbeAnswer, model: ModelConfig | None
) -> Check:
    """Compare what is known of the memory of one GPU with what is free on it."""
    ranks, stored = profile.parallel.ranks, _stored(profile, probe, model)
    counted = [count_memory(profile, stored, model, one) for one in configurations(profile)]
    known = [one for one in counted if one is not None]
    if not known:
        text = f"not computed: {NOT_KNOWN}"
        return Check("GPU memory", "warn", text, brief="size of the model is not known", unknown=True)
    parts, how = max(known, key=lambda one: one.parts.total)
    text = f"{how}; at most {parts} a GPU, without execution (not predicted: {EXECUTION_NOT_PREDICTED})"
    if not facts.gpus:
        text = f"{text}; what is free is not known (nvidia-smi did not answer)"
        return Check("GPU memory", "warn", text, brief="GPU memory is not known", unknown=True)
    used = facts.gpus[:ranks]
    free, total = min(gpu.total - gpu.used for gpu in used), min(gpu.total for gpu in used)
    text = f"{text}; {gib(free)} of {gib(total)} free"
    if parts.total > total:
        fix = "raise parallel.tp, quantise, or lower batch size and lengths"
        return Check("GPU memory", "fail", text, fix, gpu_memory_brief(parts.total, total))
    if parts.total > free:
        return Check("GPU memory", "warn", text, "nvidia-smi")
    return Check("GPU memory", "pass", text)


def _host_memory(profile: TrtllmProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Compare the available host memory with the weights, which convert and build load."""
    made = [stage for stage in ("convert", "build") if facts.makes(stage)]
    folders = {"convert": profile.model.dir, "build": profile.paths.checkpoint_dir or profile.model.dir}
    size = max((_size(probe, folders[stage]) for stage in made), default=0)
    if size:
        yield host_memory_check(" and ".join(made), size, probe)


def _disk(
    profile: TrtllmProfile, facts: MachineFacts, probe: ProbeAnswer, model: ModelConfig | None
) -> Iterator[Check]:
    """Compare free disk space with the outputs; each is about as large as the weights."""
    kinds = {"convert": "checkpoint", "quantize": "checkpoint", "build": "engine"}
    made = [kind for stage, kind in kinds.items() if facts.makes(stage)]
    if not made:
        return
    work = profile.paths.work
    free, stored = probe.free.get(work, 0), _stored(profile, probe, model)
    if stored is None:
        yield Check("disk", "warn", f"{gib(free)} free at {work}; the size of the model is not known")
        return
    size = stored.size * len(made)
    text = f"{' and '.join(made)}: {len(made)} x {gib(stored.size)} = {gib(size)}, {gib(free)} free at {work}"
    if size > free:
        yield Check("disk", "fail", text, "--set paths.work=FOLDER on a larger disk")
    else:
        yield Check("disk", "pass", text)


def _loop(profile: TrtllmProfile) -> Check:
    benchmark = profile.benchmark
    ends = "sequences end early if the model emits token 2 (hard-coded in benchmark.py); results flag that"
    if profile.parallel.ranks > 1 and benchmark.duration:
        text = (
            f"each of {profile.parallel.ranks} ranks ends its loop after {benchmark.duration} s of its own"
            f" clock, so one can wait for others that stopped; a fixed count prevents that; {ends}"
        )
        fix = f"--set benchmark.duration=0 --set benchmark.num_runs={max(benchmark.num_runs, 10)}"
        return Check("timed loop", "warn", text, fix)
    return Check("timed loop", "pass", f"all ranks end after the same count; {ends}")
