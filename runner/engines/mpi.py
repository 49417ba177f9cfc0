"""Finding mpirun, and what each kind of it needs to start our ranks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from runner.errors import UserError

ROOT_ENV = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
"""Both must be exactly 1 for Open MPI to start ranks as root; without effect for everybody else."""


@dataclass(frozen=True)
class Mpirun:
    path: str
    flavour: str
    """`openmpi`, `mpich` or `unknown`"""
    version: str


def find_mpirun(wanted: str | None, python: str) -> Mpirun:
    """The mpirun to use: the one asked for, else the one on PATH, else the one beside the interpreter.

    Raises:
        UserError: there is none, or the one asked for does not run.
    """
    if wanted is not None:
        path = shutil.which(os.path.expanduser(wanted))
        if path is None:
            raise UserError(
                f"launch.mpirun.path: {wanted} is not a program",
                hint="give the path of an mpirun, or remove the line to use the one on PATH",
            )
    else:
        beside = Path(python).parent / "mpirun"
        path = shutil.which("mpirun") or (str(beside) if os.access(beside, os.X_OK) else None)
        if path is None:
            absent = "" if shutil.which(python) else ", which is not there either"
            raise UserError(
                f"there is no mpirun: none on PATH and none beside the interpreter{absent}",
                hint="install one with: pip install 'trtbench-tui[torch]'   (or your system's Open MPI)",
            )
    return _identify(path)


@lru_cache(maxsize=8)
def _identify(path: str) -> Mpirun:
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
        return Mpirun(path, "openmpi", words[-1] if words else "")
    if "HYDRA" in text:
        version = next((line.split(":")[1].strip() for line in text.splitlines() if "Version:" in line), "")
        return Mpirun(path, "mpich", version)
    return Mpirun(path, "unknown", "")


def launch_words(mpirun: Mpirun, ranks: int, extra: list[str]) -> list[str]:
    """`mpirun` and its arguments, up to the program."""
    words = [mpirun.path, "-n", str(ranks)]
    if mpirun.flavour == "openmpi":
        # More ranks than cores is a legitimate wish (a note says what it costs) that Open MPI refuses; its
        # default binding would pin all threads of a rank to one core.
        words += ["--oversubscribe", "--bind-to", "none"]
    return words + extra


def launch_env(mpirun: Mpirun) -> dict[str, str]:
    """Environment that lets root start ranks; part of the command, so that it can be repeated by hand."""
    return dict(ROOT_ENV) if mpirun.flavour == "openmpi" and os.geteuid() == 0 else {}


def scratch_env(directory: str) -> dict[str, str]:
    """Puts the launcher's shared-memory and session files where they are found again after a crash.

    Killed, Open MPI 5 and 4 leave 17 MB a rank in /dev/shm and a folder in /tmp.
    """
    names = (
        "OMPI_MCA_btl_sm_backing_directory",
        "OMPI_MCA_btl_vader_backing_directory",
        "PRTE_MCA_prte_tmpdir_base",
        "OMPI_MCA_orte_tmpdir_base",
    )
    return dict.fromkeys(names, directory)


def default_python() -> str:
    return sys.executable
