"""What the job of a run waits for, and how Slurm ended it, as text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runner.events.job import JobEnd, JobQueued, JobStarted

if TYPE_CHECKING:
    from runner.state.run import LiveStatus

JOB_END_WORDS: dict[JobEnd, str] = {
    "time_limit": "timeout",
    "preempted": "preempted",
    "node_failed": "node fail",
    "cancelled": "cancelled",
    "out_of_memory": "no memory",
}
"""State of a run whose job Slurm ended, in place of `failed` or `stopped`"""


def state_word(status: LiveStatus, job_end: JobEnd | None) -> str:
    """Return the status of a run, or how Slurm ended its job: `timeout`."""
    return JOB_END_WORDS.get(job_end, status) if job_end is not None else status


def job_waiting_text(queued: JobQueued) -> str:
    """Return `job 17 waits in the queue of Slurm: Resources, priority 42, expected start 18:04`."""
    words = [queued.reason or queued.state.lower()]
    words += [f"partition {queued.partition}"] if queued.partition else []
    words += [f"priority {queued.priority}"] if queued.priority is not None else []
    words.append(
        "expected start not known yet" if queued.starts is None else f"expected start {_clock(queued.starts)}"
    )
    return f"job {queued.job} waits in the queue of Slurm: {', '.join(words)}"


def job_text(job: JobStarted) -> str:
    """Return `job 17 on n[1-2], partition main, until 18:04`."""
    words = [f"job {job.job} on {job.nodes}" if job.nodes else f"job {job.job}"]
    words += [f"partition {job.partition}"] if job.partition else []
    words += [f"time limit at {_clock(job.ends)}"] if job.ends is not None else []
    return ", ".join(words)


def _clock(wall: float) -> str:
    """Return local time; with the day if that is not today."""
    then, today = time.localtime(wall), time.localtime()
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)
