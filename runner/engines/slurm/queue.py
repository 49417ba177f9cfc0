"""The queue of Slurm for readers that ask often: one call for all jobs, every few seconds at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runner.engines.slurm.programs import Answer, ask
from runner.engines.slurm.records import (
    SACCT_FORMAT,
    SQUEUE_FORMAT,
    JobRecord,
    parse_sacct,
    parse_scontrol,
    parse_squeue,
)
from runner.run.job import Job

FRESH_S = 4.0
"""How long an answer of the controller is used"""
RECORD_S = 5.0
"""How long the record of an ended job is waited for"""
SILENT_S = 15.0
"""How long a controller that did not answer is left alone"""


@dataclass(slots=True)
class _Queue:
    """The jobs of a user on a cluster."""

    user: str
    cluster: str
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    answered: bool = False
    """whether the last call got an answer"""
    problem: str = ""
    """why it got none; empty: it did, or there was no call"""
    due: float = 0.0
    """when the next call may be made (monotonic, s)"""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> None:
        """Ask the controller, if that is due and no other thread is at it."""
        with self.lock:
            if time.monotonic() < self.due:
                return
            answer = ask(_squeue(self.user, self.cluster))
            self.answered, self.problem = not answer.problem, answer.problem
            if self.answered:
                self.jobs = {job.id: job for job in parse_squeue(answer.output)}
            self.due = time.monotonic() + (FRESH_S if self.answered else SILENT_S)


_queues: dict[tuple[str, str], _Queue] = {}


def _squeue(user: str, cluster: str) -> list[str]:
    clusters = [f"--clusters={cluster}"] if cluster else []
    return ["squeue", "--noheader", "--states=all", f"--user={user}", *clusters, f"--format={SQUEUE_FORMAT}"]


def find_in_queue(job: Job, *, wait: bool) -> JobRecord | None:
    """Return a job as the queue has it.

    Args:
        job: the job.
        wait: ask the controller now if the last answer is old; else the answer comes with a later call.

    Returns:
        None: it is not in the queue. An ended job stays there for minutes.

    Raises:
        LookupError: the controller did not answer, so nothing is known.
    """
    queue = _queues.setdefault((job.user, job.cluster), _Queue(job.user, job.cluster))
    if time.monotonic() >= queue.due:
        if wait:
            queue.refresh()
        else:
            threading.Thread(target=queue.refresh, name="squeue", daemon=True).start()
    if not queue.answered:
        raise LookupError
    return queue.jobs.get(job.id)


def why_unknown(job: Job) -> str:
    """Return why nothing is known of the queue; empty: it is, or was not asked yet."""
    queue = _queues.get((job.user, job.cluster))
    return queue.problem if queue is not None else ""


def forget() -> None:
    """Ask the controller again at the next call: a job was submitted or cancelled."""
    for queue in _queues.values():
        queue.due = 0.0


def _ask_briefly(argv: list[str]) -> Answer:
    return ask(argv, RECORD_S)


def find_record(job: Job, asker: Callable[[list[str]], Answer] = _ask_briefly) -> JobRecord | None:
    """Return what Slurm keeps of a job: its accounting, else the controller for some minutes after the end.

    Returns:
        None: it keeps nothing, or does not answer.
    """
    clusters = [f"--clusters={job.cluster}"] if job.cluster else []
    kept = asker(["sacct", "--allocations", "--parsable2", "--noheader", f"--jobs={job.id}",
                  f"--format={SACCT_FORMAT}", *clusters])  # fmt: skip
    found = None if kept.problem else parse_sacct(kept.output, job.id)
    shown = asker(["scontrol", "show", "job", "--oneliner", *clusters, job.id])
    live = None if shown.problem else parse_scontrol(shown.output)
    if found is None or not found.ended:
        return live or found
    return found
