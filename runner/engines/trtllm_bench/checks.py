"""Checks of a trtllm-bench profile: version, options, requests, model, engine, memory and disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runner.engines.check import Check, Verdict, gib, gpu_memory_brief
from runner.engines.facts import MachineFacts, ProbeAnswer, ProbeQuestions
from runner.engines.host_memory import host_memory_check
from runner.engines.mpi import slot_check
from runner.engines.mpi.hosts import is_several
from runner.engines.tensorrt_llm.engine_checks import check_builder, no_engine
from runner.engines.tensorrt_llm.engine_config import read_engine
from runner.engines.tensorrt_llm.model_config import read_config
from runner.engines.tensorrt_llm.versions import Version, version_of
from runner.engines.trtllm_bench.arguments import options_by_part
from runner.engines.trtllm_bench.installation import find_installation, read_helps
from runner.engines.trtllm_bench.memory import (
    NOT_KNOWN,
    cache_share,
    predict_memory,
    weights_folder,
    without_activations,
)
from runner.engines.trtllm_bench.options import FIRST, Part, Tool, parse_helps
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import Plan
from runner.ranks.launched_command import LAUNCHER

ENGINES_WORKSPACE = 3
"""Disk space of a build in multiples of the weights: converted, built, and the engine's copy."""
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
"""Files of a tokenizer; a model's folder needs one of them."""


def checks(profile: BenchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Yield the checks that the stages of a profile need."""
    version = version_of(probe.packages.get("tensorrt_llm", ""))
    yield _version(facts, version)
    yield _program(facts, probe)
    if facts.plan is not None:
        yield from _options(facts, version)
        yield Check("requests", "pass", _requests(profile, facts))
    yield _model(profile, probe)
    yield from _engine(profile, probe, version)
    yield from _spawning(profile, probe)
    if profile.selects("benchmark"):
        yield _memory(profile, facts, probe)
    yield from _slots(profile, facts, probe)
    size = probe.weights.get(profile.model.dir or "", 0)
    if facts.makes("build") and size:
        yield host_memory_check("build", size, probe)
    yield from _disk(profile, facts, probe)


def questions(profile: BenchProfile) -> ProbeQuestions:
    """Return what the checks need to know about files on the machine or in the container."""
    folders = [path for path in (profile.model.dir, profile.paths.engine_dir) if path]
    return ProbeQuestions(
        paths=[*folders, *(f"{profile.model.dir}/{name}" for name in TOKENIZERS)],
        texts=[f"{path}/config.json" for path in folders],
        weights=folders,
        disks=[profile.paths.work],
    )


def program_helps(profile: BenchProfile, _: Plan | None) -> dict[str, str]:
    """Return the `--help` texts, which the plan has read already."""
    return read_helps(profile, find_installation(profile))


def _version(facts: MachineFacts, version: Version | None) -> Check:
    if version is None:
        text = f"no package tensorrt_llm in {facts.python}; required: {FIRST} or later"
        fix = "set launch.python to the interpreter that has it, or launch.container"
        return Check("TensorRT-LLM", "fail", text, fix, "TensorRT-LLM is not installed")
    return Check("TensorRT-LLM", "pass", f"{version} in {facts.python}")


def _program(facts: MachineFacts, probe: ProbeAnswer) -> Check:
    if probe.programs.get("trtllm-bench") or facts.helps:
        return Check("trtllm-bench", "pass", probe.programs.get("trtllm-bench") or "answers")
    text = "trtllm-bench is neither next to the interpreter nor on PATH"
    fix = "set launch.python to the interpreter that has tensorrt_llm"
    return Check("trtllm-bench", "fail", text, fix, "trtllm-bench is missing")


def _options(facts: MachineFacts, version: Version | None) -> Iterator[Check]:
    """Check the options against the --help of the installed tool."""
    if facts.plan is None or version is None:
        return
    tool = Tool(version, parse_helps(facts.helps))
    problems: list[str] = []
    unread: list[Part] = []
    for part, argv in options_by_part(facts.plan):
        if part not in tool.helps or not tool.helps[part].options:
            unread.append(part)
            continue
        problems += [f"trtllm-bench {part}: {problem}" for problem in tool.helps[part].problems(argv)]
    if problems:
        lines = "\n".join(dict.fromkeys(problems))
        yield Check("options", "fail", lines, "remove them from the profile; `trtllm-bench --help` lists all")
    elif unread:
        text = f"trtllm-bench --help does not list the options of {', '.join(dict.fromkeys(unread))}"
        yield Check("options", "warn", f"{text}, so they are not checked", "trtllm-bench --help")
    else:
        yield Check("options", "pass", "trtllm-bench has all of them")


def _requests(profile: BenchProfile, facts: MachineFacts) -> str:
    dataset = profile.dataset
    found = facts.plan.configurations[0] if facts.plan and facts.plan.configurations else None
    if found is None:
        return "not measured"
    if dataset.file is not None:
        entry = f"{found.input_len} tokens in" if found.input_len else "text of unknown length in"
        return f"{found.requests} of {dataset.file}, on average {entry}, {found.output_len} out"
    spread = f", {dataset.lengths}" if dataset.lengths != "fixed" else ""
    made = f"{found.requests} generated with seed {dataset.seed}"
    return f"{made}: {found.input_len} in, {found.output_len} out{spread}"


def _model(profile: BenchProfile, probe: ProbeAnswer) -> Check:
    folder, name = profile.model.dir, profile.model.name
    if folder is None:
        text = f"model.dir is not given: tokenizer{_weights_too(profile)} of {name} come from the network"
        where = "HF_TOKEN is set" if probe.env.get("HF_TOKEN") else "HF_TOKEN is not set"
        return Check("model", "warn", f"{text} or the Hugging Face cache ({where})", "--set model.dir=FOLDER")
    if not probe.exists.get(folder, False):
        text = f"model.dir: {folder} does not exist"
        return Check("model", "fail", text, "--set model.dir=FOLDER", f"no folder {folder}")
    if not any(probe.exists.get(f"{folder}/{name}", False) for name in TOKENIZERS):
        text = f"{folder} has no tokenizer ({', '.join(TOKENIZERS)}); trtllm-bench needs it even for tokens"
        return Check("model", "fail", text, f"ls {folder}", "the model has no tokenizer")
    return Check("model", "pass", f"{folder}, {gib(probe.weights.get(folder, 0))} of weights")


def _weights_too(profile: BenchProfile) -> str:
    return " and weights" if profile.selects("build") or not profile.needs_engine else ""


def _engine(profile: BenchProfile, probe: ProbeAnswer, version: Version | None) -> Iterator[Check]:
    folder = profile.paths.engine_dir
    if folder is None:
        return
    engine = read_engine(probe.texts.get(f"{folder}/config.json", "").encode())
    if engine is None:
        yield no_engine(folder)
        return
    if (failed := check_builder(engine, version)) is not None:
        yield failed
        return
    limits = engine.build_config
    text = f"{folder}: max_batch_size {limits.max_batch_size}, max_seq_len {limits.max_seq_len}"
    yield Check("engine", "pass", text)


def _spawning(profile: BenchProfile, probe: ProbeAnswer) -> Iterator[Check]:
    """Check what prevents trtllm-bench from getting its ranks through MPI: Slurm and an old mpi4py.

    On several hosts mpirun starts them, and a launcher of TensorRT-LLM gives them to the tool.
    """
    if profile.launch.slurm is not None:
        yield Check("spawning", "pass", "srun and trtllm-llmapi-launch start the ranks")
        return
    if is_several(profile.launch.mpirun):
        found = probe.programs.get(LAUNCHER)
        verdict: Verdict = "pass" if found else "warn"
        absent = f"{LAUNCHER} is neither next to the interpreter nor on PATH"
        yield Check(LAUNCHER, verdict, found or absent)
        return
    if probe.env.get("SLURM_JOB_ID") and profile.launch.env.get("SLURM_JOB_ID") != "":
        text = "this is a Slurm job, in which MPI often cannot spawn the ranks of trtllm-bench"
        fix = "add the section launch.slurm, whose srun starts them (--set launch.slurm.mode=allocation)"
        yield Check("spawning", "warn", text, fix)
        return
    mpi = version_of(probe.packages.get("mpi4py", ""))
    if mpi is None:
        yield Check("spawning", "warn", "mpi4py is not installed, and trtllm-bench needs it")
    elif mpi < Version.parse("4.0"):
        text = f"mpi4py {mpi} is known to hang or fail at start; required: 4.0 or later"
        yield Check("spawning", "warn", text, "pip install 'mpi4py>=4'")
    else:
        yield Check("spawning", "pass", f"mpi4py {mpi}; trtllm-bench starts its own ranks")


def _slots(profile: BenchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Compare ranks with slots; spawned ranks need them too. It warns: mpi4py may use another MPI."""
    ranks = profile.parallel.ranks
    spawned = ranks > 1 and profile.selects("benchmark")
    found = slot_check(ranks, profile.launch.mpirun, facts, probe) if spawned else None
    if found is None or found.verdict == "pass":
        yield from [found] if found is not None else []
        return
    fix = (
        "--set launch.env.OMPI_MCA_rmaps_base_oversubscribe=1 (Open MPI 4), or"
        " --set launch.env.PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe (5)"
    )
    yield replace(found, verdict="warn", fix=fix)


def _memory(profile: BenchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Check:
    """Compare the weights with free memory; the KV cache uses a share of the rest, so it always fits."""
    ranks, folder = profile.parallel.ranks, weights_folder(profile)
    size = probe.weights.get(folder, 0)
    if not size:
        text = f"not computed: {NOT_KNOWN}"
        return Check("GPU memory", "warn", text, brief="size of the model is not known", unknown=True)
    planned = predict_memory(profile, size)
    text = f"weights {gib(size)} / {ranks} = {gib(size // ranks)} a GPU"
    if planned.parts.weights is None:
        text += f"; {cache_share(profile):.0%} of the rest is the KV cache"
        text = f"{text}; {planned.why_not}"
        return Check("GPU memory", "warn", text, brief="size of the engine is not known", unknown=True)
    config = read_config(probe.texts.get(f"{profile.model.dir}/config.json", "").encode())
    if (
        config is not None
        and not profile.paths.engine_dir
        and (why := config.tp_problem(profile.parallel.tp))
    ):
        brief = f"tp {profile.parallel.tp} does not fit the heads"
        return Check("GPU memory", "fail", why, "--set parallel.tp=1", brief)
    share = f"{cache_share(profile):.0%} of what these and the activations leave free is the KV cache"
    why = without_activations(profile)
    text = f"{text}; {planned.parts} before it; {share}; activations are not predicted: {why}"
    if not facts.gpus:
        text = f"{text}; what is free is not known (nvidia-smi did not answer)"
        return Check("GPU memory", "warn", text, brief="GPU memory is not known", unknown=True)
    used = facts.gpus[:ranks]
    free, total = min(gpu.total - gpu.used for gpu in used), min(gpu.total for gpu in used)
    text = f"{text}; {gib(free)} of {gib(total)} free"
    needed = planned.parts.total
    if needed > total:
        fix = "raise parallel.tp, or quantise"
        return Check("GPU memory", "fail", text, fix, gpu_memory_brief(needed, total))
    return Check(
        "GPU memory", "warn" if needed > free else "pass", text, "nvidia-smi" if needed > free else ""
    )


def _disk(profile: BenchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    work = profile.paths.work
    free = probe.free.get(work, 0)
    size = probe.weights.get(profile.model.dir or "", 0)
    if facts.makes("build") and size:
        need = f"{ENGINES_WORKSPACE} x {gib(size)} = {gib(ENGINES_WORKSPACE * size)}"
        text = f"building takes up to about {need}, {gib(free)} free at {work}"
        short = free < 2 * size
        fix = "--set paths.work=FOLDER on a larger disk" if short else ""
        yield Check("disk", "fail" if free < size else "warn" if short else "pass", text, fix)
    elif facts.makes("build") or facts.makes("dataset"):
        yield Check("disk", "pass", f"{gib(free)} free at {work}")
