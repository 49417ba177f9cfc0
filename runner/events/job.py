"""What the workload manager Slurm does with the job of a run."""

from typing import Literal

from runner.events.base import Event
from runner.util.bounds import Count, Wall

JobEnd = Literal["time_limit", "preempted", "node_failed", "cancelled", "out_of_memory", "failed"]
"""how Slurm ended a job"""


class JobQueued(Event, frozen=True, kw_only=True, tag="job_queued", gc=False):
    """The job of the run waits for nodes. Readers of a run without supervisor make this event themselves."""

    job: str
    """number of the job"""
    state: str = "PENDING"
    """state of the job in Slurm's words"""
    reason: str = ""
    """why it waits, in Slurm's words: `Resources`, `Priority`; empty: not stated"""
    priority: Count | None = None
    """the job with the highest one starts first; None: not stated"""
    starts: Wall | None = None
    """expected start, seconds since 1970; None: Slurm has not computed one"""
    partition: str = ""


class JobStarted(Event, frozen=True, kw_only=True, tag="job_started", gc=False):
    """The job of the run has its nodes."""

    job: str
    """number of the job"""
    nodes: str = ""
    """names of its nodes, in Slurm's notation: `n[1-2]`"""
    partition: str = ""
    submitted: Wall | None = None
    """seconds since 1970; None: not known"""
    started: Wall | None = None
    """seconds since 1970; None: not known"""
    ends: Wall | None = None
    """time limit of the job, seconds since 1970; None: it has none, or it is not known"""
