"""The facts that preflight judges, and how they are gathered.

Judging is kept apart, so that every judgement can be tested with any facts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import paths
from runner.engines import container, make_plan
from runner.engines.build_cache import HOST
from runner.engines.mpi import default_python, find_mpirun
from runner.engines.tensorrt_llm.installation import bench_site_of, site_of
from runner.engines.tensorrt_llm.options import Help
from runner.engines.tensorrt_llm.versions import AFTER, Version, example_folder
from runner.engines.trtllm.profile import Container, TrtllmProfile
from runner.engines.trtllm_bench.options import Part, help_file, help_words, known_helps, parse_click_help
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.errors import UserError
from runner.plan.plan import Plan
from runner.profile import Profile, TorchProfile
from runner.util import login_session

PROBE = Path(__file__).resolve().parent / "probe.py"
PACKAGES = ["tensorrt_llm", "tensorrt", "torch", "mpi4py", "pandas"]
PROGRAMS = ["mpirun", "trtllm-build", "trtllm-bench", "nvidia-smi"]
PROBE_TIMEOUT_S = 30.0
HELP_TIMEOUT_S = 120.0
"""`trtllm-build --help` imports the whole of TensorRT-LLM."""
MIB = 1 << 20
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
"""Files of a model's folder of which one is a tokenizer's"""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the interpreter of the measured processes sees (see `preflight_probe`)."""

    python: str = "3.12.3"
    packages: dict[str, str] = {}
    programs: dict[str, str | None] = {}
    exists: dict[str, bool] = {}
    texts: dict[str, str] = {}
    weights: dict[str, int] = {}
    free: dict[str, int] = {}
    shm: int = 0
    memlock: int = -1
    """bytes; -1: unlimited"""
    root: bool = False
    cores: int = 1
    env: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Gpu:
    name: str
    total: int
    """bytes"""
    used: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that the checks look at."""

    python: str
    seen: Seen | None
    """None: the interpreter does not run"""
    mpirun: str = ""
    """how mpirun is called; empty: there is none"""
    gpu_count: int = 0
    gpus: tuple[Gpu, ...] | None = None
    """None: nvidia-smi did not answer"""
    gpu_processes: tuple[str, ...] = ()
    """`pid name` of each program that computes on a GPU now"""
    container: Container | None = None
    container_tool: bool = True
    container_runs: bool = True
    plan: Plan | None = None
    refused: str = ""
    """why there is no plan"""
    helps: Mapping[Part, Help] = field(default_factory=dict)
    """what `--help` of the parts of trtllm-bench says"""
    build_help: str = ""
    """what `trtllm-build --help` says; empty: not known"""
    environment: dict[str, str] = field(default_factory=dict)
    """variables of the profile for the measured processes"""
    no_home: str = ""
    """why no run can be kept"""
    ends_at_logout: bool = False
    """logging out ends what was started here, detached or not"""

    def makes(self, stage: str) -> bool:
        """Whether a stage would run now, so that its output is made."""
        return self.plan is not None and any(s.name == stage and not s.skip for s in self.plan.stages)


def gather(profile: Profile | None) -> Facts:
    """Look at the machine, or the container, that a profile would run on; starts no benchmark."""
    inside = None if profile is None or isinstance(profile, TorchProfile) else profile.launch.container
    python = (profile.launch.python if profile else None) or ("python3" if inside else default_python())
    container_tool = inside is None or container.answer_of([inside.tool, "--version"]) is not None
    container_runs = inside is None or inside.exec is None or _runs(inside)
    reachable = container_tool and container_runs
    seen = _see(profile, python, inside) if reachable else None
    # Before the plan, which goes by them.
    helps = _bench_helps(profile) if isinstance(profile, BenchProfile) and reachable else {}
    plan, refused = _plan(profile) if reachable else (None, "")
    return Facts(
        python=python,
        seen=seen,
        mpirun=_mpirun(profile, python, inside, seen),
        gpu_count=_count_gpus(),
        gpus=_gpus(),
        gpu_processes=_gpu_processes(),
        container=inside,
        container_tool=container_tool,
        container_runs=container_runs,
        plan=plan,
        refused=refused,
        helps=helps,
        build_help=_build_help(profile, plan),
        environment=dict(profile.launch.env) if profile else {},
        no_home=paths.refused_home(),
        ends_at_logout=login_session.ends_what_it_started(),
    )


def _runs(inside: Container) -> bool:
    words = [inside.tool, "inspect", "--format", "{{.State.Running}}", inside.exec or ""]
    return (container.answer_of(words) or b"").strip() == b"true"


def _see(profile: Profile | None, python: str, inside: Container | None) -> Seen | None:
    questions = msgspec.json.encode(_questions(profile)).decode()
    probe = [python, "-c", PROBE.read_text(encoding="utf-8"), questions]
    words = container.words_inside(inside, probe, profile.launch.env if profile else {})
    answer = container.answer_of(words, timeout=PROBE_TIMEOUT_S)
    try:
        return msgspec.json.decode(answer or b"", type=Seen)
    except msgspec.DecodeError:
        return None


def _questions(profile: Profile | None) -> dict[str, list[str]]:
    asked: dict[str, list[str]] = {
        "packages": PACKAGES,
        "programs": PROGRAMS,
        "paths": [],
        "texts": [],
        "weights": [],
        "disks": [],
    }
    if isinstance(profile, BenchProfile):
        folders = [path for path in (profile.model.dir, profile.paths.engine_dir) if path]
        asked["paths"] = [*folders, *(f"{profile.model.dir}/{name}" for name in TOKENIZERS)]
        asked["texts"] = [f"{path}/config.json" for path in folders]
        asked["weights"] = folders
        asked["disks"] = [profile.paths.work]
    if not isinstance(profile, TrtllmProfile):
        return asked
    tree, folder, engine = profile.paths.tensorrt_llm, profile.model.dir, profile.paths.engine_dir
    asked["paths"] = [tree, *convert_scripts(profile), *scripts(profile)]
    folders = [path for path in (folder, profile.paths.checkpoint_dir, engine) if path]
    asked["paths"] += folders
    asked["texts"] = [f"{path}/config.json" for path in folders] + [f"{tree}/tensorrt_llm/version.py"]
    asked["weights"] = folders
    asked["disks"] = [profile.paths.work]
    return asked


def convert_scripts(profile: TrtllmProfile) -> list[str]:
    """Where convert_checkpoint.py can be; one of them is enough."""
    if profile.model.script:
        return [profile.model.script]
    tree, family = profile.paths.tensorrt_llm, profile.model.family
    folders = {example_folder(family, None), example_folder(family, Version.parse(AFTER))}
    return [f"{tree}/{folder}/convert_checkpoint.py" for folder in sorted(folders)]


def scripts(profile: TrtllmProfile) -> list[str]:
    """Scripts of the source tree that the wanted stages after build start."""
    tree = profile.paths.tensorrt_llm
    found = []
    if profile.wants("smoke"):
        found.append(f"{tree}/examples/run.py")
    if profile.wants("benchmark"):
        names = ("benchmark", "base_benchmark", "gpt_benchmark")
        found += [f"{tree}/benchmarks/python/{name}.py" for name in names]
    return found


def _plan(profile: Profile | None) -> tuple[Plan | None, str]:
    if profile is None:
        return None, ""
    try:
        return make_plan(profile), ""
    except UserError as error:
        return None, str(error)


def _mpirun(profile: Profile | None, python: str, inside: Container | None, seen: Seen | None) -> str:
    wanted = None if profile is None or isinstance(profile, BenchProfile) else profile.launch.mpirun.path
    if inside is not None:
        return wanted or (seen.programs.get("mpirun") or "" if seen else "")
    try:
        found = find_mpirun(wanted, python)
    except UserError:
        return ""
    return f"{found.path} ({found.flavour} {found.version})".replace(" )", ")")


def _bench_helps(profile: BenchProfile) -> dict[Part, Help]:
    """What the parts of trtllm-bench that a profile uses say about themselves; kept, as it takes long."""
    site = bench_site_of(profile)
    if site.version is None:
        return {}
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
    return known_helps(site.program, site.where, site.version)


def _build_help(profile: Profile | None, plan: Plan | None) -> str:
    """What the installed trtllm-build says about its options, when it would be started."""
    building = plan is not None and any(s.name == "build" and not s.skip for s in plan.stages)
    if not building or not isinstance(profile, TrtllmProfile):
        return ""
    site = site_of(profile)
    words = container.words_inside(site.container, [site.trtllm_build, "--help"], profile.launch.env)
    return (container.answer_of(words, timeout=HELP_TIMEOUT_S) or b"").decode(errors="replace")


# --- GPUs; nvidia-smi can hang, so it is given little time -------------------------------------------------


def _count_gpus() -> int:
    try:
        return len(os.listdir("/proc/driver/nvidia/gpus"))
    except OSError:
        listing = container.answer_of(["nvidia-smi", "-L"]) or b""
        return sum(1 for line in listing.splitlines() if line.startswith(b"GPU "))


def _gpus() -> tuple[Gpu, ...] | None:
    rows = _query("--query-gpu=name,memory.total,memory.used")
    if rows is None:
        return None
    return tuple(
        Gpu(name=row[0], total=int(row[1]) * MIB, used=int(row[2]) * MIB)
        for row in rows
        if len(row) == 3 and row[1].isdigit() and row[2].isdigit()
    )


def _gpu_processes() -> tuple[str, ...]:
    rows = _query("--query-compute-apps=pid,process_name") or []
    return tuple(sorted({f"{row[0]} {row[1]}" for row in rows if len(row) == 2}))


def _query(question: str) -> list[list[str]] | None:
    answer = container.answer_of(["nvidia-smi", question, "--format=csv,noheader,nounits"])
    if answer is None:
        return None
    lines = answer.decode(errors="replace").splitlines()
    return [[part.strip() for part in line.split(",")] for line in lines if line.strip()]
