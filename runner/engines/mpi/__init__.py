"""mpirun: how it is found, and the commands that start ranks with it, on one machine or several."""

from __future__ import annotations

from runner.engines.mpi.command import launch_env, mpirun_argv
from runner.engines.mpi.launch import RankLaunch
from runner.engines.mpi.placement import ranks_here
from runner.engines.mpi.program import (
    LAUNCHERS,
    ROOT_ENV,
    MpirunProgram,
    default_python,
    find_mpirun,
    has_ranks,
    locate_mpirun,
    scratch_env,
)
from runner.engines.mpi.slots import slot_check

__all__ = [
    "LAUNCHERS",
    "ROOT_ENV",
    "MpirunProgram",
    "RankLaunch",
    "default_python",
    "find_mpirun",
    "has_ranks",
    "launch_env",
    "locate_mpirun",
    "mpirun_argv",
    "ranks_here",
    "scratch_env",
    "slot_check",
]
