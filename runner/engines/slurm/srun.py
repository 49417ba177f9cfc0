"""The arguments of srun and sbatch: what a profile asks of Slurm, and how its stages start in the job."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.engines.mpi import default_python
from runner.engines.slurm.pyxis import container_argv, with_first_on_path
from runner.plan.job_request import JobMode, JobRequest
from runner.plan.node_launch import NodeLaunch
from runner.schema.slurm import Slurm

RANK_PROGRAMS = str(Path(__file__).resolve().parents[2])
"""The folder of our programs that run in the place of the stages; containers mount it"""


@dataclass(frozen=True)
class Place:
    """Where a stage runs."""

    workdir: str
    """working directory, also in a container"""
    mounts: Sequence[str]
    """folders that a container sees at the same path"""
    variables: Sequence[str] = ()
    """names of variables that the profile sets, which a container gets whatever its image sets"""
    python: str = ""
    """interpreter in a container; the programs next to it are found before those of its image"""


def is_inside_job(environ: Mapping[str, str] = os.environ) -> bool:
    """Check whether this process is part of an allocation of Slurm."""
    return bool(environ.get("SLURM_JOB_ID"))


def mode_of(slurm: Slurm) -> JobMode:
    """Return how a run gets its nodes: inside of an allocation, that one is used."""
    return "allocation" if is_inside_job() else slurm.mode


def job_request(slurm: Slurm, name: str, ranks: int, gpus: int) -> JobRequest:
    """Return what a run asks of Slurm.

    Args:
        slurm: the section of the profile.
        name: of the profile.
        ranks: number of ranks.
        gpus: number of GPUs that the ranks need together; 0: they run on the CPU.
    """
    options = _options(slurm, f"trtbench-{name}", ranks, gpus)
    return JobRequest(mode=mode_of(slurm), options=options, nodes=slurm.nodes)


def node_launch(slurm: Slurm, ranks: int) -> NodeLaunch | None:
    """Return how the node agents start; None: the supervisor is on the only node, or srun waits in it."""
    mode = mode_of(slurm)
    if mode == "srun" or (slurm.nodes == 1 and not _outside_of_nodes(mode)):
        return None
    argv = ["srun", "--overlap", f"--nodes={slurm.nodes}", f"--ntasks={slurm.nodes}", "--ntasks-per-node=1"]
    return NodeLaunch(
        launcher="slurm",
        # An agent that dies must not end those of other nodes.
        argv=[*argv, "--mpi=none", "--kill-on-bad-exit=0", "--export=ALL"],
        python=default_python(),
        nodes=slurm.nodes,
        ranks_per_node=[_per_node(slurm, ranks)] * slurm.nodes,
    )


def ranks_argv(slurm: Slurm, place: Place, ranks: int, *, gpus: int) -> list[str]:
    """Return srun and its arguments that start the ranks of a stage, up to the program.

    Args:
        slurm: the section of the profile.
        place: where they run.
        ranks: number of ranks.
        gpus: number of GPUs that they need together.
    """
    asked = _layout(slurm, ranks)
    if mode_of(slurm) == "srun":
        asked = _options(slurm, _stage_job(place), ranks, gpus)
    return [*_srun(slurm), *asked, *_container(slurm, place)]


def task_argv(slurm: Slurm, place: Place, *, gpus: int) -> list[str]:
    """Return srun and its arguments that start a stage of one process, on one node of the job."""
    asked = ["--nodes=1", "--ntasks=1", "--ntasks-per-node=1"]
    if mode_of(slurm) == "srun":
        asked = _options(slurm, _stage_job(place), 1, min(gpus, 1), nodes=1)
    return [*_srun(slurm), *asked, *_container(slurm, place)]


def _stage_job(place: Place) -> str:
    """Return the name of the job that a stage asks for itself, by which its supervisor finds it."""
    return stage_job_name(Path(place.workdir).name)


def stage_job_name(run: str) -> str:
    """Return the name of the jobs of the stages of a run that has no allocation."""
    return f"trtbench-{run}"


def _srun(slurm: Slurm) -> list[str]:
    return ["srun", f"--mpi={slurm.mpi}", "--kill-on-bad-exit=1", "--export=ALL"]


def _options(slurm: Slurm, name: str, ranks: int, gpus: int, nodes: int | None = None) -> list[str]:
    """Return the options that describe the job; `nodes` of them, unless the profile decides."""
    words = [f"--job-name={name}"]
    words += [f"--partition={slurm.partition}"] if slurm.partition else []
    words += [f"--account={slurm.account}"] if slurm.account else []
    words += _layout(slurm, ranks) if nodes is None else [f"--nodes={nodes}", f"--ntasks={ranks}"]
    per_node = slurm.gpus_per_node if slurm.gpus_per_node is not None else -(-gpus // (nodes or slurm.nodes))
    words += [f"--gpus-per-node={per_node}"] if per_node else []
    words += [f"--time={slurm.time}"] if slurm.time else []
    return [*words, *slurm.extra]


def _layout(slurm: Slurm, ranks: int) -> list[str]:
    return [f"--nodes={slurm.nodes}", f"--ntasks={ranks}", f"--ntasks-per-node={_per_node(slurm, ranks)}"]


def _per_node(slurm: Slurm, ranks: int) -> int:
    return slurm.ntasks_per_node or -(-ranks // slurm.nodes)


def _container(slurm: Slurm, place: Place) -> list[str]:
    """Return the options of pyxis, and what the program is started through."""
    if slurm.container is None:
        return []
    folders = [*place.mounts, RANK_PROGRAMS]
    options = container_argv(slurm.container, place.workdir, folders, place.variables)
    return [*options, *with_first_on_path(os.path.dirname(place.python))]


def _outside_of_nodes(mode: JobMode) -> bool:
    """Check whether the supervisor runs on no node of the job, as in a shell of salloc on a login node."""
    return mode == "allocation" and os.environ.get("SLURMD_NODENAME") is None and not _is_node(os.environ)


def _is_node(environ: Mapping[str, str]) -> bool:
    """Check whether the list of nodes, when it is one name, is this machine."""
    return environ.get("SLURM_JOB_NODELIST", "") in (socket.gethostname(), socket.gethostname().split(".")[0])
