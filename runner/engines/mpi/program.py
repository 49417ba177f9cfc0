"""Find mpirun, and tell the implementations apart."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from runner.util import processes
from runner.util.errors import UserError, install_extra

LAUNCHERS = (
    *("mpirun", "mpiexec", "prterun", "prted", "orterun", "orted"),
    *("mpiexec.hydra", "hydra_bstrap_pr", "hydra_pmi_proxy", "pmi_proxy"),
    *("mpirun.openmpi", "mpiexec.openmpi", "mpirun.mpich", "mpiexec.mpich"),  # of Debian and Ubuntu
)
"""Programs that start ranks and wait for them, as the kernel names them: at most 15 characters"""
_NO_RANKS = (*LAUNCHERS, "ssh", "rsh")
"""Launchers, and how they reach other hosts"""

ROOT_ENV = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
"""Open MPI starts ranks as root only if both are exactly 1; other users do not need them."""
Flavour = Literal["openmpi", "mpich", "intel", "unknown"]


@dataclass(frozen=True)
class MpirunProgram:
    """An mpirun: its path, implementation and version."""

    path: str
    flavour: Flavour
    version: str

    @property
    def major(self) -> int:
        """The first number of the version; 0: unknown."""
        number = self.version.partition(".")[0]
        return int(number) if number.isdecimal() else 0


def find_mpirun(wanted: str | None, python: str, env: Mapping[str, str] | None = None) -> MpirunProgram:
    """Return the mpirun to use, which is started to ask for its version.

    Args:
        wanted: its path or name in the profile; None: the one that is found.
        python: the interpreter of the ranks.
        env: `launch.env`, which mpirun gets on top of the variables of this process.

    Raises:
        UserError: there is no mpirun, or it does not run.
    """
    path = locate_mpirun(wanted, python)
    return _identify(_hydra_of_intel(path, env or {}) or path)


def _hydra_of_intel(path: str, env: Mapping[str, str]) -> str | None:
    """Return the program that the mpirun of Intel MPI starts; None: another mpirun, or it needs that one.

    That mpirun is a shell script. It finds the program only on PATH, and ends at SIGTERM without it. Where
    its variables are set neither here nor in `env`, it reads them from the file of an installation.
    """
    folder = Path(path).parent
    program, variables = folder / "mpiexec.hydra", folder.parent / "env" / "vars.sh"
    if Path(path).name != "mpirun" or not os.access(program, os.X_OK):
        return None
    if variables.exists() and not {**os.environ, **env}.get("I_MPI_ROOT"):
        return None
    return str(program) if (folder / "hydra_bstrap_proxy").exists() else None


def locate_mpirun(wanted: str | None, python: str) -> str:
    """Return the path of `wanted`, else of the mpirun on PATH, else of the one next to the interpreter.

    It is absolute: stages start in the run directory, and node agents in `/`.

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
    return os.path.abspath(path)


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
    return MpirunProgram(path, *_flavour(text))


def _flavour(text: str) -> tuple[Flavour, str]:
    """Return implementation and version from the answer to `--version`."""
    if "Open MPI" in text or "OpenRTE" in text or "open-mpi" in text:
        words = text.split("\n", 1)[0].split()
        return "openmpi", words[-1] if words else ""
    if found := re.search(r"Intel\(R\) MPI Library.*?Version (\S+)", text, re.DOTALL):
        return "intel", found[1]
    if "HYDRA" in text:
        version = next((line.split(":")[1].strip() for line in text.splitlines() if "Version:" in line), "")
        return "mpich", version
    return "unknown", ""


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
    """Check whether a launcher has a live rank here: a descendant that is not itself part of the launcher.

    MPICH starts ranks through proxies, which are children of the launcher.
    """
    return any(
        processes.name(pid) not in _NO_RANKS or has_ranks(pid) for pid, _ in processes.children(launcher)
    )


def default_python() -> str:
    """Return the interpreter of the measured processes when the profile names none."""
    return sys.executable
