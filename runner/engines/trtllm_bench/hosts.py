"""How trtllm-bench gets ranks on several hosts: of mpirun or srun, through TensorRT-LLM's own launcher."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runner.engines import container
from runner.engines.mpi import (
    ROOT_ENV,
    MpirunProgram,
    RankLaunch,
    default_python,
    find_mpirun,
    launch_env,
)
from runner.engines.mpi.hosts import is_several
from runner.engines.slurm.srun import Place, ranks_argv, task_argv
from runner.engines.tensorrt_llm.installation import program_of
from runner.engines.trtllm_bench.installation import BenchInstallation
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import RUN_DIR
from runner.ranks import launched_command
from runner.ranks.launched_command import LAUNCHER
from runner.schema.base import Mpirun
from runner.util.errors import UserError

ENV = {"PYTHONUNBUFFERED": "1", **ROOT_ENV}
_COMMAND = str(Path(launched_command.__file__).resolve())
_NOT_USED = MpirunProgram("mpirun", "unknown", "")


def rank_launch(profile: BenchProfile, installation: BenchInstallation) -> RankLaunch:
    """Return how the ranks of a run are started; on one machine the tool spawns them itself.

    Raises:
        UserError: the profile names hosts, and there is no mpirun, or it is not Open MPI's.
    """
    section = profile.launch.mpirun
    python = default_python() if installation.container is not None else installation.python
    mpirun = _open_mpirun(section, python) if is_several(section) else _NOT_USED
    inside = installation.container
    env = ENV | launch_env(mpirun, section) | profile.launch.env
    slurm = profile.launch.slurm
    # PATH of this machine says nothing about an image.
    if is_several(section) or (slurm is not None and slurm.container is None):
        env |= _path_env(profile, installation)
    if is_several(section):
        env = container.env_outside(inside, env)
    return RankLaunch(mpirun, section, profile.parallel.ranks, env, in_containers=inside is not None)


def hosts_argv(
    launch: RankLaunch, profile: BenchProfile, installation: BenchInstallation, argv: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return mpirun with its arguments, and what it starts for each rank; without hosts, there is none."""
    if not launch.nodes:
        return [], list(argv)
    script = program_of(LAUNCHER, profile.launch, installation.python, installation.file_system)
    return launch.argv(as_called=True), _launched(script, installation, argv)


def job_argv(
    profile: BenchProfile, installation: BenchInstallation, place: Place, name: str, argv: Sequence[str]
) -> list[str]:
    """Return the command that runs a stage in a job of Slurm; without one, the command itself."""
    slurm, ranks = profile.launch.slurm, profile.parallel.ranks
    if slurm is None:
        return list(argv)
    if name == "dataset":
        return [*task_argv(slurm, place, gpus=0), *argv]
    folder = os.path.dirname(installation.program)
    script = f"{folder}/{LAUNCHER}" if folder else LAUNCHER
    return [*ranks_argv(slurm, place, ranks, gpus=ranks), *_launched(script, installation, argv)]


def _launched(script: str, installation: BenchInstallation, argv: Sequence[str]) -> list[str]:
    """Return the launcher with a command that ends it after a failure; see `launched_command.py`."""
    return [script, installation.python, _COMMAND, *map(_encoded, argv)]


def _encoded(word: str) -> str:
    """Return a word for the launcher; the placeholder of the run directory, which is only shown, stays."""
    shown = f"{RUN_DIR}/" if word.startswith(f"{RUN_DIR}/") else ""
    return shown + launched_command.encode(word.removeprefix(shown))


def _path_env(profile: BenchProfile, installation: BenchInstallation) -> dict[str, str]:
    """Return PATH for the launcher, which starts its ranks with the first `python` and `python3` on it."""
    folder = os.path.dirname(installation.python)
    if not folder:
        return {}
    rest = profile.launch.env.get("PATH", os.environ.get("PATH", os.defpath))
    return {"PATH": os.pathsep.join(dict.fromkeys([folder, *rest.split(os.pathsep)]))}


def _open_mpirun(section: Mpirun, python: str) -> MpirunProgram:
    found = find_mpirun(section.path, python)
    if found.flavour != "openmpi":
        raise UserError(
            f"launch.mpirun.path: {found.path} is not Open MPI's, and {LAUNCHER} takes the number of"
            " ranks from Open MPI or Slurm only",
            hint="set launch.mpirun.path to the mpirun of the Open MPI that mpi4py uses",
        )
    return found
