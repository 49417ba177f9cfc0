"""The launchers of this machine that a storm can use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from runner.engines.mpi import MpirunProgram, find_mpirun, launch_env, mpirun_argv
from runner.engines.registry import make_plan
from runner.plan.plan import Plan
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.util.errors import UserError
from tests.support.runs import PROGRAM, plan_of

NAMES = ("mpirun", "mpirun.openmpi", "mpirun.mpich", "mpiexec.hydra")
WANTED = (("openmpi", "5."), ("openmpi", "4.1"), ("mpich", ""))
"""Implementation and start of the version of the launchers that a full storm has."""
ENGINES = {"torch on the CPU": "cpu", "torch on a GPU": "cuda"}
"""Ranks of the torch engine as a mode of a scenario, and their device."""
_TINY = (
    "model.shape.hidden_size=64", "model.shape.intermediate_size=128", "model.shape.num_hidden_layers=1",
    "model.shape.num_attention_heads=4", "model.shape.num_key_value_heads=2", "model.shape.vocab_size=512",
    "benchmark.batch_size=[1]", "benchmark.input_output_len=[[8, 4]]", "benchmark.num_runs=40",
    "benchmark.duration=2", "launch.env={OMP_NUM_THREADS: '1'}",
)  # fmt: skip
"""A decoder that needs no second of a processor, measured for about two seconds."""


@dataclass(frozen=True)
class Launcher:
    """A way to start ranks; without `mpirun`, one rank alone."""

    name: str
    ranks: int = 1
    mpirun: MpirunProgram | None = None

    def plan(self, mode: str, devices: list[str], run_dir: Path) -> Plan:
        """Return the plan of a run: `programs/ranks.py` in a mode, or the torch engine."""
        if mode in ENGINES:
            return self._engine_plan(ENGINES[mode], devices, run_dir)
        program = [sys.executable, str(PROGRAM), mode]
        if self.mpirun is None:
            return plan_of(program, devices=devices)
        argv = [*mpirun_argv(self.mpirun, self.ranks), *program]
        return plan_of(argv, ranks=self.ranks, devices=devices, env=launch_env(self.mpirun))

    def _engine_plan(self, device: str, devices: list[str], run_dir: Path) -> Plan:
        # Two ranks need two GPUs for NCCL.
        ranks = self.ranks if device == "cpu" else 1
        changes = [*_TINY, f"model.device={device}", f"parallel.tp={ranks}"]
        if self.mpirun is not None:
            changes.append(f"launch.mpirun.path={self.mpirun.path}")
            # mpi4py takes the first library of MPI that it finds, which may be of another launcher.
            lib = Path(self.mpirun.path).resolve().parents[1] / "lib"
            changes += [f"launch.env.MPI4PY_LIBMPI={path}" for path in sorted(lib.glob("libmpi.so.*"))[:1]]
        plan = make_plan(with_changes(find("quickstart").load(), changes), run_dir)
        return msgspec.structs.replace(plan, devices=devices)


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
        if mpirun.flavour == "unknown":
            continue
        key = (mpirun.flavour, mpirun.version)
        found.setdefault(key, Launcher(f"{mpirun.flavour} {mpirun.version}", 2, mpirun))
    missing = [
        f"{flavour} {version}".strip()
        for flavour, version in WANTED
        if not any(name == flavour and number.startswith(version) for name, number in found)
    ]
    return [ALONE, *found.values()], missing
