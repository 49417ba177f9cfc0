"""The record of the batch job that a run is, in its directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from runner.run.layout import UNREADABLE
from runner.util.bounds import Wall, Whole
from runner.util.files import read_file, write_atomically

JOB = "job.json"
SCRIPT = "job.sh"
OUTPUT = "job.log"
"""output of the job script, and so of the supervisor"""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was submitted to Slurm."""

    id: Annotated[str, Meta(pattern=r"\A[0-9]{1,20}\Z")]
    """number that Slurm gave it, `17`"""
    cluster: Annotated[str, Meta(pattern=r"\A(?!-)[A-Za-z0-9._-]*\Z")] = ""
    """name of the cluster, where sbatch states it; empty: the default one"""
    user: str
    """who submitted it"""
    host: str
    """where it was submitted"""
    submitted: Wall
    """seconds since 1970"""
    inode: Whole = 0
    """of the directory of the run; a copy has another"""


def read_job(run_dir: Path) -> Job | None:
    """Return the job of a run; None: it was started on a machine, or its record cannot be read.

    Anybody may have written it: `liveness.read_own_job` is the one to act upon.
    """
    try:
        return msgspec.json.decode(read_file(run_dir / JOB), type=Job)
    except (OSError, *UNREADABLE):
        return None


def write_job(run_dir: Path, job: Job) -> None:
    """Write the record of the job of a run.

    Raises:
        OSError: the directory is gone or not writable.
    """
    placed = msgspec.structs.replace(job, inode=run_dir.stat().st_ino)
    write_atomically(run_dir / JOB, msgspec.json.encode(placed))
