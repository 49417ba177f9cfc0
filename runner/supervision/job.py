"""The job of Slurm that a supervisor is part of: what it has, and whether Slurm ended it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from runner import events as ev
from runner.plan.plan import Plan
from runner.slurm.ends import Ending, end_of, ending_by_signal, explain
from runner.slurm.programs import ask
from runner.slurm.records import JobRecord, parse_scontrol

ANSWER_S = 3.0
"""How long Slurm may take; it kills a job that it ends after `KillWait`, 30 s by default"""
_STATES = {"time_limit": "TIMEOUT", "preempted": "PREEMPTED", "node_failed": "NODE_FAIL"}
SLURM_ENDS = "Slurm, which ends the job (SIGTERM)"


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
    if record is not None and record.ended:
        end = end_of(record)
    else:
        end = ending_by_signal(record, silent, time.time())
    if end == "node_failed":
        nodes = silent
    if end == "failed":
        # The shell of salloc ended; the stages of a job script end before it.
        return Ending("cancelled", f"the allocation, job {number}, was given back while the run used it")
    return explain(JobRecord(id=number, state=_STATES.get(end, "CANCELLED"), nodes=nodes), started=True)


def _ask(number: str) -> JobRecord | None:
    answer = ask(["scontrol", "show", "job", "--oneliner", number], ANSWER_S)
    return None if answer.problem else parse_scontrol(answer.output)


def _silent_nodes(nodes: str) -> str:
    """Return those nodes that do not answer to Slurm, `n2`; empty: all do."""
    if not nodes:
        return ""
    asked = ["sinfo", "--noheader", "--dead", f"--nodes={nodes}", "--format=%N"]
    return ",".join(dict.fromkeys(ask(asked, ANSWER_S).output.split()))
