"""The launchers of this machine that a storm can use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runner.engines.mpi import MpirunProgram, find_mpirun, launch_env, mpirun_argv
from runner.errors import UserError
from runner.plan.plan import Plan
from tests.support.runs import PROGRAM, plan_of

NAMES = ("mpirun", "mpirun.openmpi", "mpirun.mpich", "mpiexec.hydra")
WANTED = (("openmpi", "5."), ("openmpi", "4.1"), ("mpich", ""))
"""Implementation and start of the version of the launchers that a full storm has."""


@dataclass(frozen=True)
class Launcher:
    """A way to start ranks; without `mpirun`, one rank alone."""

    name: str
    ranks: int = 1
    mpirun: MpirunProgram | None = None

    def plan(self, mode: str, devices: list[str]) -> Plan:
        """Return the plan of a run of `programs/ranks.py` in a mode."""
        program = [sys.executable, str(PROGRAM), mode]
        if self.mpirun is None:
            return plan_of(program, devices=devices)
        argv = [*mpirun_argv(self.mpirun, self.ranks), *program]
        return plan_of(argv, ranks=self.ranks, devices=devices, env=launch_env(self.mpirun))


ALONE = Launcher("one rank without a launcher")


def find_launchers(further: Iterable[str] = ()) -> tuple[list[Launcher], list[str]]:
    """Return the launchers of this machine, and what of `WANTED` is missing."""
    paths = [str(Path(sys.executable).parent / "mpirun"), *filter(None, map(shutil.which, NAMES)), *further]
    found: dict[tuple[str, str], Launcher] = {}
    for path in dict.fromkeys(map(os.path.abspath, paths)):
        try:
            mpirun = find_mpirun(path, sys.executable)
        except UserError:
            continue
        key = (mpirun.flavour, mpirun.version)
        found.setdefault(key, Launcher(f"{mpirun.flavour} {mpirun.version}", 2, mpirun))
    missing = [
        f"{flavour} {version}".strip()
        for flavour, version in WANTED
        if not any(name == flavour and number.startswith(version) for name, number in found)
    ]
    return [ALONE, *found.values()], missing
