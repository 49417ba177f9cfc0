"""The job of Slurm that a supervisor is part of: what it has, and whether Slurm ended it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from runner import events as ev
from runner.engines.slurm import stage_job_name
from runner.plan.plan import Plan
from runner.slurm.ends import Ending, end_of, ending_by_signal, explain
from runner.slurm.programs import ask
from runner.slurm.queue import FRESH_S
from runner.slurm.records import SQUEUE_FORMAT, JobRecord, parse_scontrol, parse_squeue, queued_event

ANSWER_S = 3.0
"""How long Slurm may take; it kills a job that it ends after `KillWait`, 30 s by default"""
_STATES = {"time_limit": "TIMEOUT", "preempted": "PREEMPTED", "node_failed": "NODE_FAIL"}
SIGTERM_BY = "SIGTERM, which Slurm sends before it ends a job"


def own_job(plan: Plan, environ: Mapping[str, str] = os.environ) -> str:
    """Return the number of the job that this process is part of; empty: the run uses none."""
    return environ.get("SLURM_JOB_ID", "") if plan.job is not None else ""


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


def find_end(number: str, *, signalled: bool, environ: Mapping[str, str] = os.environ) -> Ending | None:
    """Return how Slurm ended a job; None: it did not.

    Args:
        number: the job.
        signalled: this process got SIGTERM, which a script gets from Slurm only.
        environ: variables of a process of the job.
    """
    record = _ask(number)
    over = record is not None and (record.ended or record.state == "COMPLETING")
    if not (signalled or over or (record is not None and record.preempted)):
        return None
    # The controller leaves out a failed node when it ends the job.
    nodes = environ.get("SLURM_JOB_NODELIST") or (record.nodes if record is not None else "")
    silent = _silent_nodes(nodes)
    has_ended = record is not None and record.ended
    end = end_of(record) if record and has_ended else ending_by_signal(record, silent, time.time())
    if end is None:
        return None
    if end == "node_failed":
        nodes = silent
    if end == "failed":
        # The shell of salloc ended; the stages of a job script end before it.
        return Ending("cancelled", f"the allocation, job {number}, was given back while the run used it")
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


def _silent_nodes(nodes: str) -> str:
    """Return those nodes that do not answer to Slurm, `n2`; empty: all do."""
    if not nodes:
        return ""
    asked = ["sinfo", "--noheader", "--dead", f"--nodes={nodes}", "--format=%N"]
    return ",".join(dict.fromkeys(ask(asked, ANSWER_S).output.split()))
