"""Checks of a run that is a job of Slurm: what its nodes have is only seen when it runs there."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

from runner.engines.check import Check
from runner.engines.slurm.programs import Answer, ask
from runner.engines.slurm.pyxis import ENV_OPTION, IMAGE_OPTION, srun_help
from runner.engines.slurm.script import preview
from runner.engines.slurm.srun import mode_of
from runner.plan.job_request import JobRequest
from runner.schema.base import Profile
from runner.util import paths
from runner.util.file_systems import file_system_of
from runner.util.formatting import duration

_LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "ramfs", "overlay"})
"""File systems of one machine; it may export them to others"""
_START = re.compile(r"to start at (\d+) using .*? on nodes (\S+)")


def waits_for_nodes(profile: Profile) -> bool:
    """Check whether the stages of a profile run on nodes that Slurm chooses later."""
    slurm = profile.launch.slurm
    return slurm is not None and mode_of(slurm) != "allocation"


def job_checks(request: JobRequest, profile: Profile) -> Iterator[Check]:
    """Yield what this machine can tell of a job before it is submitted; asks the controller of Slurm."""
    program = "sbatch" if request.mode == "sbatch" else "srun"
    version = ask([program, "--version"])
    if version.problem:
        fix = "start trtbench-tui on a login node of the cluster, or remove launch.slurm"
        yield Check("slurm", "fail", version.problem, fix)
        return
    yield Check("slurm", "pass", version.output.strip())
    slurm = profile.launch.slurm
    if slurm is not None and slurm.container is not None:
        yield pyxis_check(srun_help(), list(profile.launch.env))
    if request.mode == "sbatch":
        tested = ask(["sbatch", "--test-only"], stdin=preview(request))
        yield trial_check(tested, time.time())
        yield from shared_check(file_system_of(paths.runs_dir()))


def pyxis_check(options: str, variables: list[str]) -> Check:
    """Return whether srun starts containers, and gives them the variables of a profile.

    Args:
        options: what `srun --help` prints.
        variables: names in `launch.env`.
    """
    if IMAGE_OPTION not in options:
        text = f"srun has no option {IMAGE_OPTION}: there is no pyxis, which launch.slurm.container needs"
        fix = "ask for pyxis on this cluster, or remove launch.slurm.container"
        return Check("pyxis", "fail", text, fix)
    if variables and ENV_OPTION not in options:
        text = (
            f"older than {ENV_OPTION}: what the image sets itself keeps its value, whatever launch.env says"
        )
        return Check("pyxis", "warn", text, f"see that the image does not set {', '.join(variables)}")
    return Check("pyxis", "pass", "starts the stages in the image")


def trial_check(tested: Answer, now: float) -> Check:
    """Return whether Slurm would take the job, and when it would start; `now`: seconds since 1970."""
    if tested.problem:
        return Check("job", "fail", f"Slurm refuses it: {tested.problem}", "change launch.slurm")
    found = _START.search(tested.notes)
    if found is None:
        return Check("job", "pass", "Slurm would take it")
    wait = float(found[1]) - now
    when = "now" if wait < 60 else f"in about {duration(wait)}"
    return Check("job", "pass", f"Slurm would start it {when}, on {found[2]}")


def shared_check(file_system: str) -> Iterator[Check]:
    """Yield a warning if the folder of runs is probably on a disk of this machine only."""
    if file_system in _LOCAL:
        text = (
            f"runs are kept on a local disk ({file_system}) of {os.uname().nodename}, which nodes may not see"
        )
        fix = "export TRTBENCH_HOME=DIR, a folder on a file system that all nodes share"
        yield Check("shared", "warn", text, fix)
