"""How trtllm-bench gets ranks on several hosts: of mpirun or srun, through TensorRT-LLM's own launcher."""

from __future__ import annotations

import os

from runner.engines.mpi import ROOT_ENV, MpirunProgram, RankLaunch, find_mpirun, launch_env
from runner.engines.mpi.hosts import is_several
from runner.engines.slurm import BENCH_LAUNCHER, Place, ranks_argv, task_argv
from runner.engines.tensorrt_llm.installation import program_of
from runner.engines.trtllm_bench.installation import BenchInstallation
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.errors import UserError
from runner.schema.base import Mpirun

ENV = {"PYTHONUNBUFFERED": "1", **ROOT_ENV}
_NOT_USED = MpirunProgram("mpirun", "unknown", "")


def rank_launch(profile: BenchProfile, installation: BenchInstallation) -> RankLaunch:
    """Return how the ranks of a run are started; on one machine the tool spawns them itself.

    Raises:
        UserError: the profile names hosts, and there is no mpirun, or it is not Open MPI's.
    """
    section = profile.launch.mpirun
    mpirun = _open_mpirun(section, installation.python) if is_several(section) else _NOT_USED
    env = ENV | launch_env(mpirun, section) | profile.launch.env
    return RankLaunch(mpirun, section, profile.parallel.ranks, env)


def launcher_words(launch: RankLaunch, profile: BenchProfile, installation: BenchInstallation) -> list[str]:
    """Return the words before the tool that give it ranks on all hosts; empty: it spawns them itself."""
    if not launch.nodes:
        return []
    world = program_of(BENCH_LAUNCHER, profile.launch, installation.python, installation.file_system)
    return [*launch.argv(as_called=True), world]


def job_words(profile: BenchProfile, installation: BenchInstallation, place: Place, name: str) -> list[str]:
    """Return what starts a stage in a job of Slurm; empty: there is none."""
    slurm, ranks = profile.launch.slurm, profile.parallel.ranks
    if slurm is None:
        return []
    if name == "dataset":
        return task_argv(slurm, place, gpus=0)
    folder = os.path.dirname(installation.program)
    script = f"{folder}/{BENCH_LAUNCHER}" if folder else BENCH_LAUNCHER
    return [*ranks_argv(slurm, place, ranks, gpus=ranks), script]


def _open_mpirun(section: Mpirun, python: str) -> MpirunProgram:
    found = find_mpirun(section.path, python)
    if found.flavour != "openmpi":
        raise UserError(
            f"launch.mpirun.path: {found.path} is not Open MPI's, and {BENCH_LAUNCHER} takes the number of"
            " ranks from Open MPI or Slurm only",
            hint="set launch.mpirun.path to the mpirun of the Open MPI that mpi4py uses",
        )
    return found
