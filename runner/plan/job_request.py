"""What a run asks of the workload manager Slurm."""

from typing import Literal

import msgspec

from runner.util.bounds import Count

JobMode = Literal["sbatch", "srun", "allocation"]


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The job of Slurm that the stages of a run are part of."""

    mode: JobMode
    """sbatch: a job that is submitted and supervises itself; srun: each stage waits for nodes; allocation:
    the job in which the run was started"""
    options: list[str] = []
    """options of sbatch, each in one word"""
    nodes: Count = 1
