"""How Slurm ended a job, and what to do about it."""

from __future__ import annotations

import pwd
from dataclasses import dataclass

from runner.engines.slurm.records import JobRecord
from runner.events.job import JobEnd

NOTICE_MARGIN_S = 120.0
"""Slurm sends the signal before the time limit up to a minute early, and a run takes a while to end"""
_ENDS: dict[str, JobEnd] = {
    "TIMEOUT": "time_limit",
    "DEADLINE": "time_limit",
    "PREEMPTED": "preempted",
    "NODE_FAIL": "node_failed",
    "BOOT_FAIL": "node_failed",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
    "OUT_OF_MEMORY": "out_of_memory",
}
_REASONS: dict[str, JobEnd] = {"TimeLimit": "time_limit", "NodeDown": "node_failed"}
"""Reasons of jobs that are ending, for which the controller shows no other state than COMPLETING"""
_LAUNCH_FAILED = "0:53"
"""Exit code of a job whose script could not be started: its folder or output file is not on the node"""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the job of a run ended before its supervisor did."""

    end: JobEnd
    cause: str
    remedy: str = ""


def end_of(record: JobRecord) -> JobEnd:
    """Return how a job ended; `failed`: its script ended by itself."""
    return (
        "preempted" if record.preempted and record.state != "TIMEOUT" else _ENDS.get(record.state, "failed")
    )


def explain(record: JobRecord, *, started: bool) -> Ending:
    """Return how a job ended as a sentence; `started`: the supervisor of the run wrote a log."""
    end, job = end_of(record), f"job {record.id}"
    where = f" on {record.nodes}" if record.nodes else ""
    if end == "time_limit":
        remedy = "raise launch.slurm.time, or measure less in one run"
        return Ending(end, f"{job} reached its time limit{where} ({record.state})", remedy)
    if end == "preempted":
        remedy = "run it again; a partition or QOS with a higher priority is not preempted"
        return Ending(end, f"{job} was preempted: another one took its nodes{_in(record.nodes)}", remedy)
    if end == "node_failed":
        remedy = "run it again; --exclude=NODE in launch.slurm.extra avoids a node"
        return Ending(end, f"a node of {job} failed{_in(record.nodes)}: {record.state}", remedy)
    if end == "out_of_memory":
        remedy = "ask for more memory: --mem=0 in launch.slurm.extra is all of a node"
        return Ending(end, f"{job} used more memory than it had asked for{where}", remedy)
    if end == "cancelled":
        return Ending(end, f"{job} was cancelled{_by(record.by)}")
    code = f"{record.state}, exit code {record.exit_code}" if record.exit_code else record.state
    if started:
        return Ending(end, f"its supervisor was killed in {job}{where} ({code})")
    if record.exit_code == _LAUNCH_FAILED:
        remedy = "keep runs on a file system that all nodes share: export TRTBENCH_HOME=DIR"
        return Ending(end, f"{job} could not start{where}: the node does not see the run directory", remedy)
    remedy = "job.log has its output; if there is none, the nodes do not see the run directory"
    return Ending(end, f"{job} ended before the run began{where} ({code})", remedy)


def ending_by_signal(record: JobRecord | None, down: str, now: float) -> JobEnd | None:
    """Return why Slurm asks the script of a running job to end; Slurm says so only after its end.

    None: it does not, as far as is known; another program sent the signal.

    Args:
        record: the job as the controller has it at the signal; None: it does not answer.
        down: nodes of the job that do not answer; empty: none.
        now: seconds since 1970.
    """
    if record is None:
        return None
    if record.ended or record.preempted:
        return end_of(record)
    if down:
        return "node_failed"
    if record.reason in _REASONS:
        return _REASONS[record.reason]
    # The end of a running job is its time limit; that of an ending one is now.
    limited = record.state == "RUNNING" and record.ends is not None and record.ends - now < NOTICE_MARGIN_S
    if limited:
        return "time_limit"
    return None if record.state == "RUNNING" else "cancelled"


def _in(nodes: str) -> str:
    return f" ({nodes})" if nodes else ""


def _by(user: str) -> str:
    if not user.isdecimal():
        return ""
    try:
        return f" by {pwd.getpwuid(int(user)).pw_name}"
    except (KeyError, OverflowError):
        return f" by user {user}"
