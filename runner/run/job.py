"""The record of the batch job that a run is, in its directory."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner.run.layout import UNREADABLE
from runner.util.bounds import Wall
from runner.util.files import read_file, write_atomically

JOB = "job.json"
SCRIPT = "job.sh"
OUTPUT = "job.log"
"""output of the job script, and so of the supervisor"""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was submitted to Slurm."""

    id: str
    """number that Slurm gave it, `17`"""
    cluster: str = ""
    """name of the cluster, where sbatch states it; empty: the default one"""
    user: str
    """who submitted it"""
    host: str
    """where it was submitted"""
    submitted: Wall
    """seconds since 1970"""


def read_job(run_dir: Path) -> Job | None:
    """Return the job of a run; None: it was started on a machine, or its record cannot be read."""
    try:
        return msgspec.json.decode(read_file(run_dir / JOB), type=Job)
    except (OSError, *UNREADABLE):
        return None


def write_job(run_dir: Path, job: Job) -> None:
    """Write the record of the job of a run.

    Raises:
        OSError: the directory is gone or not writable.
    """
    write_atomically(run_dir / JOB, msgspec.json.encode(job))
