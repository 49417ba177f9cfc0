"""Whether profiles fit this machine, for lists of them: preflight's checks on facts that cost little.

Nothing that a profile names is started, and of a profile that others may have written no file is looked at.
The GPUs are asked for once; what other programs use of their memory does not count.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from runner.engines.check import Check
from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer, ProbeQuestions
from runner.engines.gpu_facts import GpuSurvey
from runner.engines.interface import Preflight
from runner.engines.mpi import default_python, locate_mpirun
from runner.engines.registry import find_engine
from runner.preflight import probe
from runner.preflight.gather import PACKAGES, PROGRAMS, gpus_of, survey_gpus
from runner.preflight.job import waits_for_nodes
from runner.preflight.machine import gpu_check
from runner.schema.base import Profile
from runner.util.errors import UserError

FitVerdict = Literal["fits", "does not fit", "unknown"]


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a run of a profile is possible on this machine."""

    verdict: FitVerdict
    brief: str = ""
    """why it does not fit, or what is not known, in a few words; of one that fits: what it cannot measure"""
    text: str = ""
    """the same as a sentence"""


@dataclass(frozen=True, slots=True)
class LocalMachine:
    """What the interpreter of this program sees, and the GPUs."""

    answer: ProbeAnswer
    """without answers about files"""
    survey: GpuSurvey | None
    """the answer of NVML; None: no answer in time"""
    gpus: tuple[Gpu, ...] | None = None
    """what nvidia-smi says when NVML finds no GPU; None: no answer"""
    gpu_count: int = 0
    """as the driver says when NVML finds no GPU"""


def look_at_machine() -> LocalMachine:
    """Ask for the GPUs and packages of this machine; the GPUs can take seconds."""
    own = Path(sys.executable).parent
    questions = {"packages": PACKAGES, "programs": PROGRAMS, **asdict(ProbeQuestions())}
    answer = msgspec.convert(probe.answers(questions), ProbeAnswer)
    programs = {name: found or shutil.which(name, path=str(own)) for name, found in answer.programs.items()}
    answer, survey = msgspec.structs.replace(answer, programs=programs), survey_gpus()
    if survey is not None and survey.gpus:
        return LocalMachine(answer, survey)
    gpus, count, _ = gpus_of(None, {})
    return LocalMachine(answer, survey, gpus, count)


def judge(profile: Profile, machine: LocalMachine, *, trusted: bool) -> Fit:
    """Return whether a profile fits a machine.

    Args:
        profile: the profile.
        machine: the machine that this program runs on.
        trusted: only this user can have written the profile; if not, only the number of GPUs is compared.
    """
    if waits_for_nodes(profile):
        if shutil.which("sbatch") is None:
            return Fit("does not fit", "no sbatch here", "its job is submitted where Slurm is installed")
        return Fit("unknown", "in a job", "Slurm chooses its nodes; doctor asks about the job")
    engine = find_engine(profile.engine).preflight
    facts = _facts(profile, machine)
    if engine.uses_gpus(profile):
        if machine.survey is None and not facts.gpu_count:
            return Fit("unknown", "the GPUs are not known", "NVML did not answer in time")
        gpus = gpu_check(facts, engine.local_ranks(profile), needed=True)
        if gpus.verdict == "fail":
            return misfit(gpus)
    if unchecked := _unchecked(profile, engine, trusted):
        return Fit("unknown", *unchecked)
    checks = list(_checks(profile, engine, facts))
    for check in checks:
        if check.verdict == "fail":
            return misfit(check)
    for check in checks:
        if check.unknown:
            return Fit("unknown", check.short, f"{check.name}: {check.text}")
    partly = next((check for check in checks if check.verdict == "warn" and check.brief), None)
    return Fit("fits", partly.brief, f"{partly.name}: {partly.text}") if partly else Fit("fits")


def misfit(check: Check) -> Fit:
    """Return that a profile does not fit because of a failing check."""
    return Fit("does not fit", check.short, f"{check.name}: {check.text}")


def _unchecked(profile: Profile, engine: Preflight[Any], trusted: bool) -> tuple[str, str] | None:
    """Return why files and packages cannot be looked at from here, in a few words and as a sentence."""
    if not trusted:
        return "not checked", "another user may have written this profile, so it was not checked"
    if engine.container(profile) is not None:
        return "runs in a container", "what the container has is not known before preflight asks in it"
    python = profile.launch.python
    if python is not None and not _is_same_program(python, default_python()):
        return "packages are not known", f"what {python} has is not known before preflight asks it"
    return None


def _is_same_program(a: str, b: str) -> bool:
    return os.path.abspath(os.path.expanduser(a)) == os.path.abspath(b)


def _facts(profile: Profile, machine: LocalMachine) -> MachineFacts:
    environment = dict(profile.launch.env)
    gpus, count = machine.gpus, machine.gpu_count
    if machine.survey is not None and machine.survey.gpus:
        gpus, count, _ = gpus_of(machine.survey, environment)
    return MachineFacts(
        python=default_python(),
        probe=machine.answer,
        gpu_count=count,
        gpus=tuple(replace(gpu, used=0) for gpu in gpus or ()) or None,
        survey=machine.survey,
        environment=environment,
    )


def _checks(profile: Profile, engine: Preflight[Any], facts: MachineFacts) -> Iterator[Check]:
    files = probe.file_answers(asdict(engine.questions(profile)))
    assert facts.probe is not None
    answer = msgspec.structs.replace(facts.probe, **files)
    if engine.mpirun is not None:
        try:
            locate_mpirun(engine.mpirun(profile), facts.python)
        except UserError as error:
            yield Check("mpirun", "fail", str(error.args[0]), brief="mpirun is missing")
    yield from engine.checks(profile, replace(facts, probe=answer), answer)
