"""Gather the facts that the checks evaluate."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from runner.engines import container
from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer, ProbeQuestions
from runner.engines.gpu_facts import GpuProcess, GpuSurvey, chosen_gpus, visible_devices
from runner.engines.interface import Preflight
from runner.engines.mpi import MpirunProgram, default_python, find_mpirun
from runner.engines.registry import find_engine, make_plan, plugin_errors
from runner.plan.plan import Plan
from runner.preflight.host_load import LoadMeter
from runner.run.device_locks import find_holders
from runner.run.layout import UNREADABLE
from runner.schema.base import Container, Profile
from runner.util import cgroup, login_session, machine_lock, paths, processes
from runner.util.daemon import IMPORT_ROOT
from runner.util.errors import UserError

PROBE = Path(__file__).resolve().parent / "probe.py"
PACKAGES = ["tensorrt_llm", "tensorrt", "torch", "mpi4py", "tokenizers", "pandas", "nvidia-modelopt"]
PROGRAMS = ["mpirun", "trtllm-build", "trtllm-bench", "trtllm-llmapi-launch", "nvidia-smi"]
PROBE_TIMEOUT_S = 30.0
MIB = 1 << 20
SURVEY_TIMEOUT_S = 20.0
"""NVML initialises each GPU, which takes seconds with persistence mode off"""
_SURVEY = """
import sys
sys.path.insert(0, sys.argv[1])
from runner.telemetry.survey import main
main()
"""


def gather_facts(profile: Profile | None) -> MachineFacts:
    """Inspect the machine or the container that a profile would run on; start no benchmark."""
    meter = LoadMeter()
    engine = find_engine(profile.engine).preflight if profile is not None else None
    inside = engine.container(profile) if engine is not None else None
    python = (profile.launch.python if profile else None) or ("python3" if inside else default_python())
    container_tool = inside is None or container.output_of([inside.tool, "--version"]) is not None
    container_runs = inside is None or inside.exec is None or _runs(inside)
    reachable = container_tool and container_runs
    probe = _probe(profile, engine, python, inside) if reachable else None
    plan, refused, helps = None, "", {}
    if profile is not None and engine is not None and reachable:
        plan, refused = _plan(profile)
        helps = dict(engine.program_helps(profile, plan))
    on_gpu = profile is None or engine is None or engine.uses_gpus(profile)
    survey = survey_gpus() if on_gpu else None
    # On several hosts, mpirun starts the containers; else it is in one of them.
    is_outside = inside is None or (plan is not None and plan.nodes is not None)
    mpirun = _mpirun(profile, engine, default_python() if inside else python) if is_outside else None
    environment = dict(profile.launch.env) if profile else {}
    gpus, gpu_count, gpu_processes = gpus_of(survey, environment) if on_gpu else ((), 0, ())
    return MachineFacts(
        python=python,
        probe=probe,
        mpirun=_describe(mpirun) if mpirun else _mpirun_inside(profile, engine, inside, probe),
        mpirun_is_open=mpirun.flavour == "openmpi" if mpirun else None,
        gpu_count=gpu_count,
        gpus=gpus,
        gpu_processes=gpu_processes,
        survey=survey,
        load=meter.read(),
        holders=tuple(find_holders(plan.devices if plan else _all_devices(gpu_count) if not profile else [])),
        container=inside,
        container_tool=container_tool,
        container_runs=container_runs,
        plan=plan,
        refused=refused,
        helps=helps,
        environment=environment,
        no_home=paths.home_problem(),
        own_cgroup=cgroup.is_possible(),
        no_locks=_locks_problem(),
        plugin_errors=plugin_errors(),
        ends_at_logout=login_session.kills_processes_at_logout(),
    )


def _locks_problem() -> str:
    override = paths.device_locks_override()
    if override is not None and os.path.isabs(override) and not os.path.lexists(override):
        return ""  # a run creates it
    return machine_lock.directory_problem(override)


def _runs(inside: Container) -> bool:
    argv = [inside.tool, "inspect", "--format", "{{.State.Running}}", inside.exec or ""]
    return (container.output_of(argv) or b"").split()[-1:] == [b"true"]


def _probe(
    profile: Profile | None, engine: Preflight[Any] | None, python: str, inside: Container | None
) -> ProbeAnswer | None:
    asked = engine.questions(profile) if engine is not None else ProbeQuestions()
    questions = msgspec.json.encode({"packages": PACKAGES, "programs": PROGRAMS, **asdict(asked)}).decode()
    argv = [python, "-c", PROBE.read_text(encoding="utf-8"), questions]
    env = profile.launch.env if profile else {}
    argv = container.argv_inside(inside, argv, env)
    answer = container.output_of(argv, timeout=PROBE_TIMEOUT_S, env=container.env_outside(inside, env))
    try:
        return msgspec.json.decode(answer or b"", type=ProbeAnswer)
    except UNREADABLE:
        return None


def _plan(profile: Profile) -> tuple[Plan | None, str]:
    try:
        return make_plan(profile), ""
    except UserError as error:
        return None, str(error)


def _all_devices(gpu_count: int) -> list[str]:
    return ["cpu", *(f"gpu-{index}" for index in range(gpu_count))]


def _mpirun(profile: Profile | None, engine: Preflight[Any] | None, python: str) -> MpirunProgram | None:
    """Return mpirun on this machine; None: there is none."""
    try:
        return find_mpirun(_wanted_mpirun(profile, engine), python, profile.launch.env if profile else None)
    except UserError:
        return None


def _mpirun_inside(
    profile: Profile | None,
    engine: Preflight[Any] | None,
    inside: Container | None,
    probe: ProbeAnswer | None,
) -> str:
    if inside is None:
        return ""
    return _wanted_mpirun(profile, engine) or (probe.programs.get("mpirun") or "" if probe else "")


def _wanted_mpirun(profile: Profile | None, engine: Preflight[Any] | None) -> str | None:
    return engine.mpirun(profile) if engine is not None and engine.mpirun is not None else None


def _describe(found: MpirunProgram) -> str:
    return f"{found.path} ({found.flavour} {found.version})".replace(" )", ")")


# --- GPUs; the driver can hang, so each answer has a timeout ------------------------------------------------


def survey_gpus() -> GpuSurvey | None:
    """Ask NVML for the GPUs in a process of its own; None: no answer in time."""
    argv = [sys.executable, "-c", _SURVEY, str(IMPORT_ROOT)]
    answer = container.output_of(argv, timeout=SURVEY_TIMEOUT_S)
    try:
        survey = msgspec.json.decode(answer or b"", type=GpuSurvey)
    except UNREADABLE:
        return None
    gpus = tuple(
        msgspec.structs.replace(gpu, processes=tuple(map(_visible, gpu.processes))) for gpu in survey.gpus
    )
    return msgspec.structs.replace(survey, gpus=gpus)


def _visible(found: GpuProcess) -> GpuProcess:
    """Add name, user and age of a process. In a container the driver's pids are those of the host."""
    return msgspec.structs.replace(
        found,
        name=processes.name(found.pid),
        user=processes.owner_name(found.pid),
        seconds=processes.age_s(found.pid),
    )


def gpus_of(
    survey: GpuSurvey | None, environment: Mapping[str, str]
) -> tuple[tuple[Gpu, ...] | None, int, tuple[str, ...]]:
    """Return the GPUs in the order of the ranks, the number of all GPUs, and the programs on the former.

    Without an answer of NVML, nvidia-smi is asked.
    """
    if survey is None or not survey.gpus:
        return _gpus(), _count_gpus(), _gpu_processes()
    chosen = chosen_gpus(survey, visible_devices(environment, os.environ), len(survey.gpus))
    known = tuple(
        Gpu(name=gpu.name, total=gpu.memory_total, used=gpu.memory_used)
        for gpu in chosen
        if gpu.memory_total is not None and gpu.memory_used is not None
    )
    found = dict.fromkeys(f"GPU {gpu.index}: {process}" for gpu in chosen for process in gpu.processes)
    return known or None, len(survey.gpus), tuple(found)


def _count_gpus() -> int:
    try:
        return len(os.listdir("/proc/driver/nvidia/gpus"))
    except OSError:
        listing = container.output_of(["nvidia-smi", "-L"]) or b""
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
    answer = container.output_of(["nvidia-smi", question, "--format=csv,noheader,nounits"])
    if answer is None:
        return None
    lines = answer.decode(errors="replace").splitlines()
    return [[part.strip() for part in line.split(",")] for line in lines if line.strip()]
