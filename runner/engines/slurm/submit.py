"""Submit the job of a run, and cancel it."""

from __future__ import annotations

import time
from pathlib import Path

from runner.engines.slurm.programs import ask
from runner.run.job import SCRIPT, Job, write_job
from runner.run.liveness import host_name
from runner.util.errors import UserError
from runner.util.files import write_new
from runner.util.processes import user_name

SUBMIT_S = 60.0
"""How long sbatch may take"""


def submit(directory: Path, script: str) -> Job:
    """Write the job script into a directory, submit it, and record the job there.

    Raises:
        UserError: there is no sbatch, or it refuses the job.
        OSError: the directory is not writable.
    """
    path = directory / SCRIPT
    write_new(path, script.encode(), 0o755)
    answer = ask(["sbatch", "--parsable", str(path)], SUBMIT_S)
    if answer.missing:
        raise UserError(
            "launch.slurm: there is no sbatch on PATH, so no job can be submitted",
            hint="start trtbench-tui on a login node of the cluster; in a job, it uses that job",
        )
    if answer.problem:
        raise UserError(f"launch.slurm: sbatch refused the job: {answer.problem}")
    number, _, cluster = answer.output.strip().partition(";")
    if not number.isdecimal():
        raise UserError(f"launch.slurm: sbatch did not print the number of a job: {answer.output.strip()!r}")
    job = Job(id=number, cluster=cluster, user=user_name(), host=host_name(), submitted=time.time())
    write_job(directory, job)
    return job


def cancel(job: Job) -> str:
    """Cancel a job; return why that is not possible, empty: it is cancelled, or had ended."""
    clusters = [f"--clusters={job.cluster}"] if job.cluster else []
    return ask(["scancel", "--quiet", *clusters, job.id]).problem
