"""The job of Slurm that a supervisor is part of: what it has, and whether Slurm ended it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from runner import events as ev
from runner.engines.slurm.ends import Ending, end_of, ending_by_signal, explain
from runner.engines.slurm.programs import ask
from runner.engines.slurm.queue import FRESH_S
from runner.engines.slurm.records import SQUEUE_FORMAT, JobRecord, parse_scontrol, parse_squeue, queued_event
from runner.engines.slurm.srun import stage_job_name
from runner.plan.plan import Plan
from runner.util import login_session

ANSWER_S = 3.0
"""How long Slurm may take; it kills a job that it ends after `KillWait`, 30 s by default"""
COMPLETING_TRIES, COMPLETING_S = 10, 0.5
"""How often the end of a job is asked for, whose state is hidden while it is completing"""
_STATES: dict[ev.JobEnd, str] = {
    "time_limit": "TIMEOUT",
    "preempted": "PREEMPTED",
    "node_failed": "NODE_FAIL",
    "out_of_memory": "OUT_OF_MEMORY",
}


class RunJob:
    """The job of Slurm that a run uses, as its supervisor sees it; without one, nothing happens here."""

    def __init__(self, plan: Plan, run: str, environ: Mapping[str, str] = os.environ) -> None:
        request = plan.job
        self.inside = environ.get("SLURM_JOB_ID", "") if request is not None else ""
        """the job that this process is part of; empty: none"""
        self.number = self.inside
        """the job of the run; empty: none, or not known yet"""
        self.ends = False
        """Slurm asked for the end of the run"""
        waits = request is not None and request.mode == "srun"
        self._stages = StageJobs(run) if waits else None
        self._ending: Ending | None = None

    def begin(self) -> Iterator[ev.JobStarted]:
        """Yield what is known of the job at the start of the run."""
        if self.inside:
            yield started_event(self.inside)

    def terminate(self, *, is_stopping: bool) -> str:
        """Note a SIGTERM to this process, and return who sent it, for the log."""
        # Slurm may send it twice: before the time limit, and at the end.
        self.ends = self.ends or (bool(self.inside) and not is_stopping)
        if self.ends:
            return "SIGTERM, which Slurm sends before it ends a job"
        if login_session.kills_processes_at_logout():
            return "SIGTERM to the supervisor, which systemd sends at logout (KillUserProcesses=yes)"
        return "SIGTERM to the supervisor"

    def poll(self) -> Iterator[ev.JobQueued | ev.JobStarted]:
        """Yield what changed while srun of a stage waits for nodes."""
        event = self._stages.poll(time.monotonic()) if self._stages is not None else None
        if event is not None:
            self.number = event.job
            yield event

    def find_end(self) -> Ending | None:
        """Return how Slurm ended the job; None: it did not."""
        if self.number and self._ending is None:
            self._ending = find_end(self.number, inside=bool(self.inside), signalled=self.ends)
        return self._ending

    def end_of_run(self, status: ev.RunStatus) -> tuple[ev.RunStatus, Ending | None]:
        """Return the status of a run, and how Slurm ended its job, which explains a failed stage as well."""
        ending = self.find_end() if self.ends or status == "failed" else None
        if ending is None:
            return status, None
        return ("stopped" if ending.end == "cancelled" else "failed"), ending


def started_event(number: str, environ: Mapping[str, str] = os.environ) -> ev.JobStarted:
    """Return what is known of the job at its start; the controller adds times, if it answers."""
    record = _ask(number)
    return ev.JobStarted(
        t=time.monotonic_ns(),
        job=number,
        nodes=environ.get("SLURM_JOB_NODELIST", ""),
        partition=environ.get("SLURM_JOB_PARTITION", ""),
        submitted=record.submitted if record is not None else None,
        started=record.starts if record is not None else None,
        ends=record.ends if record is not None else None,
    )


def find_end(
    number: str, *, inside: bool, signalled: bool, environ: Mapping[str, str] = os.environ
) -> Ending | None:
    """Return how Slurm ended a job; None: it did not.

    Args:
        number: the job.
        inside: this process is part of it, so it does not end because a stage does.
        signalled: this process got SIGTERM, which Slurm sends before it ends a job.
        environ: variables of this process.
    """
    record = _ask(number) if inside else _ask_until_ended(number)
    over = record is not None and (record.ended or (inside and record.state == "COMPLETING"))
    if not (signalled or over or (record is not None and record.preempted)):
        return None
    # The controller leaves out a failed node when it ends the job.
    nodes = environ.get("SLURM_JOB_NODELIST") or (record.nodes if record is not None else "")
    silent = _silent_nodes(nodes)
    has_ended = record is not None and record.ended
    end = end_of(record) if record and has_ended else ending_by_signal(record, silent, time.time())
    if end == "failed" and inside:
        # The shell of salloc ended; the stages of a job script end before it.
        return Ending("cancelled", f"the allocation, job {number}, was given back while the run used it")
    if end is None or end == "failed":
        return None
    if end == "node_failed":
        nodes = silent
    return explain(JobRecord(id=number, state=_STATES.get(end, "CANCELLED"), nodes=nodes), started=True)


@dataclass(slots=True)
class StageJobs:
    """The jobs that the stages of a run ask for themselves: srun waits in the queue without an allocation."""

    run: str
    _due: float = 0.0
    _last: ev.JobQueued | None = None
    _started: str = ""
    """the job that got its nodes"""

    def poll(self, now: float) -> ev.JobQueued | ev.JobStarted | None:
        """Return what changed: the place in the queue, or the start; `now`: monotonic, s."""
        if now < self._due:
            return None
        self._due = now + FRESH_S
        asked = ["squeue", "--noheader", f"--name={stage_job_name(self.run)}", f"--format={SQUEUE_FORMAT}"]
        found = list(parse_squeue(ask(asked, ANSWER_S).output))
        job = max(found, key=lambda job: int(job.id), default=None)
        if job is None or job.id == self._started:
            return None
        if job.waits:
            queued = queued_event(job)
            changed, self._last = queued != self._last, queued
            return msgspec.structs.replace(queued, t=time.monotonic_ns()) if changed else None
        self._started = job.id
        return ev.JobStarted(
            t=time.monotonic_ns(),
            job=job.id,
            nodes=job.nodes,
            partition=job.partition,
            submitted=job.submitted,
            started=job.starts,
            ends=job.ends,
        )


def _ask(number: str) -> JobRecord | None:
    answer = ask(["scontrol", "show", "job", "--oneliner", number], ANSWER_S)
    return None if answer.problem else parse_scontrol(answer.output)


def _ask_until_ended(number: str) -> JobRecord | None:
    record = _ask(number)
    for _ in range(COMPLETING_TRIES):
        if record is None or record.state != "COMPLETING":
            break
        time.sleep(COMPLETING_S)
        record = _ask(number)
    return record


def _silent_nodes(nodes: str) -> str:
    """Return those nodes that do not answer to Slurm, `n2`; empty: all do."""
    if not nodes:
        return ""
    asked = ["sinfo", "--noheader", "--dead", f"--nodes={nodes}", "--format=%N"]
    return ",".join(dict.fromkeys(ask(asked, ANSWER_S).output.split()))
