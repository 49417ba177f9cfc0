"""Checks of a trtllm-bench profile: version, options, requests, model, engine, memory and disk."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines import container
from runner.engines.build_cache import HOST
from runner.engines.check import Check, gib
from runner.engines.facts import Facts, Questions, Seen
from runner.engines.tensorrt_llm.engine_config import read_engine
from runner.engines.tensorrt_llm.installation import HELP_TIMEOUT_S
from runner.engines.tensorrt_llm.model_config import read_config
from runner.engines.tensorrt_llm.versions import Version, version_of
from runner.engines.trtllm_bench.arguments import words_of
from runner.engines.trtllm_bench.installation import bench_site_of
from runner.engines.trtllm_bench.options import (
    FIRST,
    Part,
    Tool,
    help_file,
    help_texts,
    help_words,
    parse_click_help,
    parsed_helps,
)
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import Plan

ENGINES_WORKSPACE = 3
"""A build keeps about so many times the weights on disk: converted, built, and the engine's copy."""
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
"""Files of a model's folder of which one is a tokenizer's"""


def checks(profile: BenchProfile, facts: Facts, seen: Seen) -> Iterator[Check]:
    """Every check of a profile, for what its own stages need."""
    version = version_of(seen.packages.get("tensorrt_llm", ""))
    yield _version(facts, version)
    yield _program(facts, seen)
    if facts.plan is not None:
        yield from _options(facts, version)
        yield Check("requests", "pass", _requests(profile, facts))
    yield _model(profile, seen)
    yield from _engine(profile, seen, version)
    yield from _spawning(profile, seen)
    if profile.wants("benchmark"):
        yield _memory(profile, facts, seen)
    yield from _disk(profile, facts, seen)


def questions(profile: BenchProfile) -> Questions:
    """What the checks want to know of the machine or container."""
    folders = [path for path in (profile.model.dir, profile.paths.engine_dir) if path]
    return Questions(
        paths=[*folders, *(f"{profile.model.dir}/{name}" for name in TOKENIZERS)],
        texts=[f"{path}/config.json" for path in folders],
        weights=folders,
        disks=[profile.paths.work],
    )


def keep_helps(profile: BenchProfile) -> None:
    """Keep what the parts of trtllm-bench that a profile uses say about themselves, as it takes long.

    The plan goes by them.
    """
    site = bench_site_of(profile)
    if site.version is None:
        return
    needed: list[Part] = ["group", profile.benchmark.command]
    needed += ["build"] if profile.wants("build") else []
    for part in needed:
        kept = help_file(site.program, site.where, site.version, part)
        if kept.exists():
            continue
        words = container.words_inside(site.container, help_words(site.program, part), profile.launch.env)
        answer = container.answer_of(words, timeout=HELP_TIMEOUT_S)
        if answer and parse_click_help(answer.decode(errors="replace")).options:
            kept.parent.mkdir(parents=True, exist_ok=True)
            HOST.write(str(kept), answer)


def kept_helps(profile: BenchProfile, _: Plan | None) -> dict[str, str]:
    """What was kept."""
    site = bench_site_of(profile)
    if site.version is None:
        return {}
    return help_texts(site.program, site.where, site.version)


def _version(facts: Facts, version: Version | None) -> Check:
    if version is None:
        text = f"no package tensorrt_llm in {facts.python}; wanted: {FIRST} or later"
        fix = "set launch.python to the interpreter that has it, or launch.container"
        return Check("TensorRT-LLM", "fail", text, fix)
    return Check("TensorRT-LLM", "pass", f"{version} in {facts.python}")


def _program(facts: Facts, seen: Seen) -> Check:
    if seen.programs.get("trtllm-bench") or facts.helps:
        return Check("trtllm-bench", "pass", seen.programs.get("trtllm-bench") or "answers")
    text = "trtllm-bench is neither beside the interpreter nor on PATH"
    return Check("trtllm-bench", "fail", text, "set launch.python to the interpreter that has tensorrt_llm")


def _options(facts: Facts, version: Version | None) -> Iterator[Check]:
    """What the installed tool would refuse, by its own --help."""
    if facts.plan is None or version is None:
        return
    tool = Tool(version, parsed_helps(facts.helps))
    complaints: list[str] = []
    unread: list[Part] = []
    for part, words in words_of(facts.plan):
        if part not in tool.helps or not tool.helps[part].options:
            unread.append(part)
            continue
        complaints += [f"trtllm-bench {part}: {said}" for said in tool.helps[part].complaints(words)]
    if complaints:
        lines = "\n".join(dict.fromkeys(complaints))
        yield Check("options", "fail", lines, "remove them from the profile; `trtllm-bench --help` lists all")
    elif unread:
        text = f"trtllm-bench --help does not list the options of {', '.join(dict.fromkeys(unread))}"
        yield Check("options", "warn", f"{text}, so they are not checked", "trtllm-bench --help")
    else:
        yield Check("options", "pass", "trtllm-bench knows all of them")


def _requests(profile: BenchProfile, facts: Facts) -> str:
    dataset = profile.dataset
    found = facts.plan.configurations[0] if facts.plan and facts.plan.configurations else None
    if found is None:
        return "not measured"
    if dataset.file is not None:
        entry = f"{found.input_len} tokens in" if found.input_len else "text of unknown length in"
        return f"{found.requests} of {dataset.file}, on average {entry}, {found.output_len} out"
    spread = f", {dataset.lengths}" if dataset.lengths != "fixed" else ""
    made = f"{found.requests} made with seed {dataset.seed}"
    return f"{made}: {found.input_len} in, {found.output_len} out{spread}"


def _model(profile: BenchProfile, seen: Seen) -> Check:
    folder, name = profile.model.dir, profile.model.name
    if folder is None:
        text = f"model.dir is not given: tokenizer{_weights_too(profile)} of {name} come from the network"
        where = "HF_TOKEN is set" if seen.env.get("HF_TOKEN") else "HF_TOKEN is not set"
        return Check("model", "warn", f"{text} or the Hugging Face cache ({where})", "--set model.dir=FOLDER")
    if not seen.exists.get(folder, False):
        return Check("model", "fail", f"model.dir: {folder} is not there", "--set model.dir=FOLDER")
    if not any(seen.exists.get(f"{folder}/{name}", False) for name in TOKENIZERS):
        text = f"{folder} holds no tokenizer ({', '.join(TOKENIZERS)}); trtllm-bench reads it even for tokens"
        return Check("model", "fail", text, f"ls {folder}")
    return Check("model", "pass", f"{folder}, {gib(seen.weights.get(folder, 0))} of weights")


def _weights_too(profile: BenchProfile) -> str:
    return " and weights" if profile.wants("build") or not profile.needs_engine else ""


def _engine(profile: BenchProfile, seen: Seen, version: Version | None) -> Iterator[Check]:
    folder = profile.paths.engine_dir
    if folder is None:
        return
    engine = read_engine(seen.texts.get(f"{folder}/config.json", "").encode())
    if engine is None:
        text = f"paths.engine_dir: {folder} holds no config.json of an engine (is it a checkpoint?)"
        yield Check("engine", "fail", text, f"ls {folder}")
        return
    built_by = version_of(engine.version)
    if version is not None and built_by is not None and built_by != version:
        text = (
            f"built by TensorRT-LLM {engine.version}, {version} is installed; engines do not load across them"
        )
        yield Check("engine", "fail", text, "build it again: remove paths.engine_dir")
        return
    limits = engine.build_config
    text = f"{folder}: max_batch_size {limits.max_batch_size}, max_seq_len {limits.max_seq_len}"
    yield Check("engine", "pass", text)


def _spawning(profile: BenchProfile, seen: Seen) -> Iterator[Check]:
    """trtllm-bench spawns its ranks through MPI, which Slurm and an old mpi4py get in the way of."""
    if seen.env.get("SLURM_JOB_ID") and profile.launch.env.get("SLURM_JOB_ID") != "":
        text = "this is a Slurm job, in which MPI often cannot spawn the ranks that trtllm-bench asks for"
        fix = "start trtbench-tui in a plain shell of the node, outside of srun"
        yield Check("spawning", "warn", text, fix)
        return
    mpi = version_of(seen.packages.get("mpi4py", ""))
    if mpi is None:
        yield Check("spawning", "warn", "mpi4py is not installed there, and trtllm-bench needs it")
    elif mpi < Version.parse("4.0"):
        text = f"mpi4py {mpi} is known to hang or fail at start; 4.0 or later is wanted"
        yield Check("spawning", "warn", text, "pip install 'mpi4py>=4'")
    else:
        yield Check("spawning", "pass", f"mpi4py {mpi}; trtllm-bench starts its own ranks")


def _memory(profile: BenchProfile, facts: Facts, seen: Seen) -> Check:
    """Weights against what is free; the KV cache takes a share of what they leave, so it always fits."""
    ranks = profile.parallel.ranks
    folder = profile.paths.engine_dir or profile.model.dir or ""
    size = seen.weights.get(folder, 0)
    if not size:
        return Check("GPU memory", "warn", "not computed: neither model.dir nor an engine states the weights")
    share = size // ranks
    fraction = profile.benchmark.kv_cache_free_gpu_mem_fraction or 0.9
    text = f"weights {gib(size)} / {ranks} = {gib(share)} a GPU; {fraction:.0%} of the rest is the KV cache"
    quantization = profile.build.quantization
    if quantization and profile.wants("build"):
        return Check("GPU memory", "warn", f"{text}; less with {quantization}, how much is not computed")
    config = read_config(seen.texts.get(f"{profile.model.dir}/config.json", "").encode())
    if config is not None and not profile.paths.engine_dir and (why := config.why_not(profile.parallel.tp)):
        return Check("GPU memory", "fail", why, "--set parallel.tp=1")
    if not facts.gpus:
        return Check("GPU memory", "warn", f"{text}; what is free is not known (nvidia-smi did not answer)")
    used = facts.gpus[:ranks]
    free, total = min(gpu.total - gpu.used for gpu in used), min(gpu.total for gpu in used)
    text = f"{text}; {gib(free)} of {gib(total)} free"
    if share > total:
        return Check("GPU memory", "fail", text, "raise parallel.tp, or quantise")
    return Check("GPU memory", "warn" if share > free else "pass", text, "nvidia-smi" if share > free else "")


def _disk(profile: BenchProfile, facts: Facts, seen: Seen) -> Iterator[Check]:
    work = profile.paths.work
    free = seen.free.get(work, 0)
    size = seen.weights.get(profile.model.dir or "", 0)
    if facts.makes("build") and size:
        need = f"{ENGINES_WORKSPACE} x {gib(size)} = {gib(ENGINES_WORKSPACE * size)}"
        text = f"building takes up to about {need}, {gib(free)} free at {work}"
        short = free < 2 * size
        fix = "--set paths.work=FOLDER on a larger disk" if short else ""
        yield Check("disk", "fail" if free < size else "warn" if short else "pass", text, fix)
    elif facts.makes("build") or facts.makes("dataset"):
        yield Check("disk", "pass", f"{gib(free)} free at {work}")
