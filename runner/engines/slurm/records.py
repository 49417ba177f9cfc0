"""What Slurm says about jobs: the lines of squeue, scontrol and sacct as values.

Every call names its columns, so that versions and settings of a site do not change them. Times are seconds
since 1970 (`SLURM_TIME_FORMAT=%s`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runner.events.job import JobQueued

SQUEUE_FORMAT = "%A|%T|%Q|%S|%e|%V|%N|%P|%r"
SACCT_FORMAT = "JobIDRaw,State,ExitCode,Submit,Start,End,NodeList,Partition"

WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"})
ENDED = frozenset(
    {
        *("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL"),
        *("DEADLINE", "OUT_OF_MEMORY", "REVOKED"),
    }
)
_PAIR = re.compile(r"(?:^|\s)([A-Za-z][\w/:]*)=")


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as one of Slurm's programs describes it."""

    id: str
    state: str
    """in Slurm's words: `PENDING`, `RUNNING`, `TIMEOUT` ..."""
    reason: str = ""
    """why it is in this state; empty: not stated"""
    priority: int | None = None
    submitted: float | None = None
    starts: float | None = None
    """start, or expected start; seconds since 1970"""
    ends: float | None = None
    """end, or the time limit"""
    nodes: str = ""
    partition: str = ""
    exit_code: str = ""
    """exit code and signal of its script: `1:0`"""
    by: str = ""
    """user id of who cancelled it; empty: not stated"""
    preempted: bool = False
    """it is or was asked to make room for another job"""

    @property
    def waits(self) -> bool:
        return self.state in WAITING

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def queued_event(job: JobRecord) -> JobQueued:
    """Return the place of a job in the queue as an event at time 0: the run may have no clock yet."""
    return JobQueued(
        t=0,
        job=job.id,
        state=job.state,
        reason=job.reason,
        priority=job.priority,
        starts=job.starts,
        partition=job.partition,
    )


def parse_squeue(output: str) -> Iterator[JobRecord]:
    """Yield the jobs of `squeue --noheader --format=SQUEUE_FORMAT`; other lines are skipped."""
    for line in output.splitlines():
        fields = line.split("|", 8)
        if len(fields) < 9 or not fields[0].isdecimal():
            continue
        number, state, priority, starts, ends, submitted, nodes, partition, reason = fields
        yield JobRecord(
            id=number,
            state=state,
            reason=_stated(reason),
            priority=int(priority) if priority.isdecimal() else None,
            submitted=_time(submitted),
            starts=_time(starts),
            ends=_time(ends),
            nodes=_stated(nodes),
            partition=partition,
        )


def parse_scontrol(output: str) -> JobRecord | None:
    """Return the job of `scontrol show job --oneliner`; None: it shows none."""
    fields = _pairs(output.strip().split("\n", 1)[0])
    number, state = fields.get("JobId", ""), fields.get("JobState", "")
    if not number or not state:
        return None
    return JobRecord(
        id=number,
        state=state,
        reason=_stated(fields.get("Reason", "")).replace("_", " "),
        priority=int(fields["Priority"]) if fields.get("Priority", "").isdecimal() else None,
        submitted=_time(fields.get("SubmitTime", "")),
        starts=_time(fields.get("StartTime", "")),
        ends=_time(fields.get("EndTime", "")),
        nodes=_stated(fields.get("NodeList", "")),
        partition=_stated(fields.get("Partition", "")),
        exit_code=fields.get("ExitCode", ""),
        preempted=_time(fields.get("PreemptTime", "")) is not None or state == "PREEMPTED",
    )


def parse_sacct(output: str, number: str) -> JobRecord | None:
    """Return a job of `sacct --allocations --parsable2 --noheader --format=SACCT_FORMAT`; None: not there."""
    found = None
    for line in output.splitlines():
        fields = line.split("|")
        if len(fields) != 8 or fields[0] != number:
            continue
        _, state, exit_code, submitted, starts, ends, nodes, partition = fields
        word, _, rest = state.partition(" ")
        # A job that was requeued has several records; the last one is its end.
        found = JobRecord(
            id=number,
            state=word,
            submitted=_time(submitted),
            starts=_time(starts),
            ends=_time(ends),
            nodes="" if nodes == "None assigned" else nodes,
            partition=partition,
            exit_code=exit_code,
            by=rest.removeprefix("by ") if rest.startswith("by ") else "",
            preempted=word == "PREEMPTED",
        )
    return found


def _pairs(line: str) -> dict[str, str]:
    """Return `Key=value` pairs; a value may have spaces, and the first of equal keys counts."""
    fields: dict[str, str] = {}
    found = list(_PAIR.finditer(line))
    for index, match in enumerate(found):
        end = found[index + 1].start() if index + 1 < len(found) else len(line)
        fields.setdefault(match[1], line[match.end() : end].strip())
    return fields


def _time(text: str) -> float | None:
    """Return seconds since 1970; None for `N/A`, `NONE`, `Unknown`."""
    return float(text) if text.isdecimal() and 0 < len(text) < 12 and int(text) else None


def _stated(text: str) -> str:
    return "" if text.strip("()") in ("None", "null", "") else text.strip("()")
