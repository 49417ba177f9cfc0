"""What Slurm knows of a run whose supervisor is not seen from here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from runner.engines.slurm.queue import find_in_queue, find_record, why_unknown
from runner.engines.slurm.records import JobRecord, queued_event
from runner.events.job import JobQueued
from runner.run.job import OUTPUT, Job
from runner.run.layout import UNREADABLE
from runner.run.liveness import MIRROR_PLACE, is_mirror, read_own_job
from runner.util.files import read_file

_MOST_PLACE = 1 << 16
"""bytes of the copied place of a run"""
SUBMITTED_S = 30.0
"""How long a new job may be missing in the queue: the last answer is from before it was submitted"""


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that is over."""

    record: JobRecord | None
    """None: Slurm keeps none"""


def look_at_job(job: Job, *, wait: bool) -> EndedJob | None:
    """Return the end of a job; None: it waits or runs, or Slurm does not answer.

    A job that is not in the queue any more has ended, whatever Slurm keeps of it: no run stays `running` for
    ever because its allocation is gone.
    """
    try:
        found = find_in_queue(job, wait=wait)
    except LookupError:
        return None
    if found is not None and not found.ended:
        return None
    if found is None and time.time() - job.submitted < SUBMITTED_S:
        return None
    # The queue does not state the exit code, nor who cancelled a job.
    return EndedJob(find_record(job) or found)


def job_log(run_dir: Path) -> str:
    """Return the name of the output of the job script; empty: there is none."""
    try:
        return OUTPUT if (run_dir / OUTPUT).stat().st_size else ""
    except OSError:
        return ""


def _copied_place(run_dir: Path) -> JobQueued | None:
    try:
        return msgspec.json.decode(read_file(run_dir / MIRROR_PLACE, _MOST_PLACE), type=JobQueued)
    except (OSError, *UNREADABLE):
        return None


def waiting_job(run_dir: Path, *, wait: bool) -> JobQueued | None:
    """Return the place of a run in the queue of Slurm as an event; None: it does not wait there.

    Of the copy of another machine's run it is the place that arrived last.
    """
    if is_mirror(run_dir):
        return _copied_place(run_dir)
    job = read_own_job(run_dir)
    if job is None:
        return None
    try:
        found = find_in_queue(job, wait=wait)
    except LookupError:
        problem = why_unknown(job)
        return JobQueued(t=0, job=job.id, state="UNKNOWN", reason=problem) if problem else None
    if found is None or not found.waits:
        return None
    return queued_event(found)
