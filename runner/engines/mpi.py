"""Find mpirun, and the arguments and variables that each implementation needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from runner.engines.check import Check
from runner.engines.facts import MachineFacts, ProbeAnswer
from runner.errors import UserError, install_extra
from runner.util import processes
from runner.util.formatting import plural

ROOT_ENV = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
"""Open MPI starts ranks as root only if both are exactly 1; other users do not need them."""


LAUNCHERS = (
    *("mpirun", "mpiexec", "prterun", "prted", "orterun", "orted"),
    *("mpiexec.hydra", "hydra_bstrap_pr", "hydra_pmi_proxy", "pmi_proxy"),
)
"""Programs that start ranks and wait for them, as the kernel names them: at most 15 characters"""


@dataclass(frozen=True)
class MpirunProgram:
    """An mpirun: its path, implementation and version."""

    path: str
    flavour: str
    """`openmpi`, `mpich` or `unknown`"""
    version: str


def find_mpirun(wanted: str | None, python: str) -> MpirunProgram:
    """Return the mpirun to use, which is started to ask for its version.

    Raises:
        UserError: there is no mpirun, or it does not run.
    """
    return _identify(locate_mpirun(wanted, python))


def locate_mpirun(wanted: str | None, python: str) -> str:
    """Return the path of `wanted`, else of the mpirun on PATH, else of the one next to the interpreter.

    Raises:
        UserError: there is no mpirun.
    """
    if wanted is not None:
        path = shutil.which(os.path.expanduser(wanted))
        if path is None:
            raise UserError(
                f"launch.mpirun.path: {wanted} is not a program",
                hint="give the path of an mpirun, or remove the line to use the one on PATH",
            )
    else:
        neighbour = Path(python).parent / "mpirun"
        path = shutil.which("mpirun") or (str(neighbour) if os.access(neighbour, os.X_OK) else None)
        if path is None:
            absent = "" if shutil.which(python) else ", which does not exist either"
            raise UserError(
                f"there is no mpirun: none on PATH and none next to the interpreter{absent}",
                hint=f"install one with {install_extra('torch')}, or your system's Open MPI",
            )
    return path


@lru_cache(maxsize=8)
def _identify(path: str) -> MpirunProgram:
    try:
        answer = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        text = answer.stdout + answer.stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{path} does not run: {error}") from None
    if "Open MPI" in text or "open-mpi" in text:
        words = text.split("\n", 1)[0].split()
        return MpirunProgram(path, "openmpi", words[-1] if words else "")
    if "HYDRA" in text:
        version = next((line.split(":")[1].strip() for line in text.splitlines() if "Version:" in line), "")
        return MpirunProgram(path, "mpich", version)
    return MpirunProgram(path, "unknown", "")


def mpirun_argv(mpirun: MpirunProgram, ranks: int, extra: list[str]) -> list[str]:
    """Return `mpirun` and its arguments, up to the program."""
    argv = [mpirun.path, "-n", str(ranks)]
    if mpirun.flavour == "openmpi":
        # Open MPI rejects more ranks than cores, which is allowed here (a note states the cost). Its default
        # binding pins all threads of a rank to one core.
        argv += ["--oversubscribe", "--bind-to", "none"]
    return argv + extra


_STATES_SLOTS = (
    *("oversubscribe", "--use-hwthread-cpus", "--hostfile", "-hostfile", "--machinefile", "-machinefile"),
    *("--host", "-host", "-H"),
)
"""What in the arguments of mpirun changes the number of slots, or lets it be exceeded."""
_SLOT_VARIABLES = ("OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_default_mapping_policy")


def slot_check(ranks: int, args: Sequence[str], facts: MachineFacts, probe: ProbeAnswer) -> Check | None:
    """Compare the ranks that Open MPI would start with its slots: one for each core that it may use.

    It refuses more at the first stage with ranks, which is after an hour of building.

    Args:
        ranks: number of ranks.
        args: the arguments of mpirun in the profile.
        facts: the facts of the machine.
        probe: what the interpreter of the ranks sees.

    Returns:
        None: slots do not limit this run: another MPI, or arguments or a Slurm job that state them.
    """
    if facts.mpirun_is_open is False or probe.env.get("SLURM_JOB_ID"):
        return None
    stated = any(word in arg for arg in args for word in _STATES_SLOTS)
    if stated or any(name in facts.environment for name in _SLOT_VARIABLES):
        return None
    slots = probe.physical_cores or len(probe.cpus) or probe.cores
    if ranks <= slots:
        return Check("slots", "pass", f"{slots} for {plural(ranks, 'rank')}")
    text = f"Open MPI starts at most {plural(slots, 'rank')} here, one for each core, and {ranks} are needed"
    fix = f"--set parallel.tp={slots}, or --set 'launch.mpirun.args=[--oversubscribe]'"
    # In a container the MPI is not known.
    return Check("slots", "fail" if facts.mpirun_is_open else "warn", text, fix)


def launch_env(mpirun: MpirunProgram) -> dict[str, str]:
    """Return the variables that let root start ranks; part of the command, so it can be repeated by hand."""
    return dict(ROOT_ENV) if mpirun.flavour == "openmpi" and os.geteuid() == 0 else {}


def scratch_env(directory: str) -> dict[str, str]:
    """Return variables that put the launcher's shared-memory and session files into a directory.

    There they can be removed after a crash: a killed Open MPI 4 or 5 leaves 17 MB a rank in /dev/shm and a
    folder in /tmp.
    """
    names = (
        "OMPI_MCA_btl_sm_backing_directory",
        "OMPI_MCA_btl_vader_backing_directory",
        "PRTE_MCA_prte_tmpdir_base",
        "OMPI_MCA_orte_tmpdir_base",
    )
    return dict.fromkeys(names, directory)


def has_ranks(launcher: int) -> bool:
    """Check whether a launcher has a live rank: a descendant that is not itself part of the launcher.

    MPICH starts ranks through proxies, which are children of the launcher.
    """
    return any(
        processes.name(pid) not in LAUNCHERS or has_ranks(pid) for pid, _ in processes.children(launcher)
    )


def default_python() -> str:
    """Return the interpreter of the measured processes when the profile names none."""
    return sys.executable
