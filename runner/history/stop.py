"""Stop a run from outside, even if its supervisor does not answer, or waits in the queue of Slurm."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from runner.engines.slurm.queue import find_in_queue, forget
from runner.engines.slurm.submit import cancel
from runner.history.run_entry import RunEntry, read_entry
from runner.run import liveness
from runner.run.job import Job
from runner.run.layout import OWNER
from runner.util.errors import UserError

STOP_TIMEOUT_S = 30.0
"""how long a supervisor may take to stop its run before it is killed"""
CANCEL_TIMEOUT_S = 120.0
"""how long Slurm may take to end a job: it waits `KillWait` (30 s) before it kills, and cleans up"""
POLL_S = 0.25


def stop_run(run_dir: Path, by: str, *, is_cancelled: Callable[[], bool] = lambda: False) -> RunEntry:
    """Stop a run and wait until it has ended; a supervisor that does not answer is killed.

    A job of Slurm that has not started, or does not end in time, is cancelled.

    Args:
        run_dir: the run.
        by: who stops it, for its log.
        is_cancelled: called while waiting; if it returns True, the stop remains requested and the run is
            returned as it is.

    Raises:
        UserError: the stop request cannot be written, the supervisor neither answers nor can be killed, or
            Slurm does not cancel the job.
    """
    liveness.request_stop(run_dir, by)
    job = liveness.read_own_job(run_dir)
    if job is not None:
        _stop_job(run_dir, job, lambda: read_entry(run_dir).ended or is_cancelled())
        return read_entry(run_dir)
    # The next reader of a run whose supervisor was killed finalises it.
    liveness.kill_after(run_dir, STOP_TIMEOUT_S, lambda: read_entry(run_dir).ended or is_cancelled())
    return read_entry(run_dir)


def _waits(run_dir: Path, job: Job) -> bool:
    """Check whether a job has no nodes yet, so that nothing of the run can answer."""
    if (run_dir / OWNER).exists():
        return False
    try:
        found = find_in_queue(job, wait=True)
    except LookupError:
        return True
    return found is None or found.waits


def _stop_job(run_dir: Path, job: Job, is_over: Callable[[], bool]) -> None:
    """Wait until a job that was asked to stop is over; cancel it before it starts, or when it does not end.

    Raises:
        UserError: Slurm does not cancel it, or it does not end after that.
    """
    # A job may start while it is cancelled; then Slurm ends its supervisor, which closes the log.
    deadline = time.monotonic() + (0.0 if _waits(run_dir, job) else STOP_TIMEOUT_S)
    cancelled = False
    while not is_over():
        if time.monotonic() > deadline:
            problem = f"job {job.id} does not end after scancel" if cancelled else cancel(job)
            if problem:
                raise UserError(f"{run_dir.name} does not stop: {problem}")
            forget()
            cancelled = True
            deadline = time.monotonic() + CANCEL_TIMEOUT_S
        time.sleep(POLL_S)
