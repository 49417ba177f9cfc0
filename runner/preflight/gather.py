"""Gather the facts that the checks evaluate."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from runner import paths
from runner.engines import container
from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer, ProbeQuestions
from runner.engines.interface import Preflight
from runner.engines.mpi import default_python, find_mpirun
from runner.engines.registry import find_engine, make_plan, plugin_errors
from runner.errors import UserError
from runner.plan.plan import Plan
from runner.schema.base import Container, Profile
from runner.util import cgroup, login_session, machine_lock

PROBE = Path(__file__).resolve().parent / "probe.py"
PACKAGES = ["tensorrt_llm", "tensorrt", "torch", "mpi4py", "pandas"]
PROGRAMS = ["mpirun", "trtllm-build", "trtllm-bench", "nvidia-smi"]
PROBE_TIMEOUT_S = 30.0
MIB = 1 << 20


def gather_facts(profile: Profile | None) -> MachineFacts:
    """Inspect the machine or the container that a profile would run on; start no benchmark."""
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
    return MachineFacts(
        python=python,
        probe=probe,
        mpirun=_mpirun(profile, engine, python, inside, probe),
        gpu_count=_count_gpus(),
        gpus=_gpus(),
        gpu_processes=_gpu_processes(),
        container=inside,
        container_tool=container_tool,
        container_runs=container_runs,
        plan=plan,
        refused=refused,
        helps=helps,
        environment=dict(profile.launch.env) if profile else {},
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
    except msgspec.DecodeError:
        return None


def _plan(profile: Profile) -> tuple[Plan | None, str]:
    try:
        return make_plan(profile), ""
    except UserError as error:
        return None, str(error)


def _mpirun(
    profile: Profile | None,
    engine: Preflight[Any] | None,
    python: str,
    inside: Container | None,
    probe: ProbeAnswer | None,
) -> str:
    wanted = engine.mpirun(profile) if engine is not None and engine.mpirun is not None else None
    if inside is not None:
        return wanted or (probe.programs.get("mpirun") or "" if probe else "")
    try:
        found = find_mpirun(wanted, python)
    except UserError:
        return ""
    return f"{found.path} ({found.flavour} {found.version})".replace(" )", ")")


# --- GPUs; nvidia-smi can hang, so it has a short timeout --------------------------------------------------


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
