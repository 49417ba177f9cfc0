"""Whether Slurm ended the job of a supervisor."""

from __future__ import annotations

import time

import msgspec
import pytest

from runner import events as ev
from runner.plan.job_request import JobRequest
from runner.supervision import job
from tests.support.runs import single
from tests.support.slurm import SlurmPrograms, recorded

GIVEN_BACK = "JobId=38 JobName=interactive JobState=COMPLETED Reason=None NodeList=n[1-2]\n"


@pytest.mark.parametrize(
    ("shown", "signalled", "end"),
    [
        (recorded("scontrol-preempted"), True, "preempted"),
        (recorded("scontrol-preempted"), False, "preempted"),
        (recorded("scontrol-cancelled"), True, "cancelled"),
        (recorded("scontrol-notice"), True, "time_limit"),
        (GIVEN_BACK, False, "cancelled"),
        (recorded("scontrol-notice"), False, None),
        ("", False, None),
        ("", True, None),
    ],
    ids=["warned", "taken", "scancel", "late", "given back", "runs", "unknown", "unknown end"],
)
def test_end_of_the_own_job(
    slurm: SlurmPrograms, monkeypatch: pytest.MonkeyPatch, shown: str, signalled: bool, end: str | None
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1795974711.0)
    if shown:
        slurm.answer("scontrol", shown)
    slurm.answer("sinfo")
    found = job.find_end("38", inside=True, signalled=signalled)
    assert (found.end if found is not None else None) == end


def test_silent_node_is_named(slurm: SlurmPrograms) -> None:
    """At the end the controller lists the other nodes only."""
    slurm.answer("scontrol", recorded("scontrol-cancelled"))
    slurm.answer("sinfo", "n2\nn2\n")
    found = job.find_end("3", inside=True, signalled=True, environ={"SLURM_JOB_NODELIST": "n[1-2]"})
    assert found is not None
    assert (found.end, found.cause) == ("node_failed", "a node of job 3 failed (n2): NODE_FAIL")


def test_queue_of_srun_is_told_once_until_it_changes(slurm: SlurmPrograms) -> None:
    jobs = job.StageJobs("r")
    waiting = "17|PENDING|42|N/A|N/A|1795975706||main|Resources\n"
    slurm.answer("squeue", waiting)
    first = jobs.poll(10.0)
    assert isinstance(first, ev.JobQueued)
    assert (first.job, first.reason) == ("17", "Resources")
    assert jobs.poll(11.0) is None
    assert jobs.poll(20.0) is None
    assert len(slurm.calls("squeue")) == 2
    slurm.answer("squeue", waiting.replace("PENDING", "RUNNING").replace("||", "|n[1-2]|"))
    started = jobs.poll(30.0)
    assert isinstance(started, ev.JobStarted)
    assert started.nodes == "n[1-2]"
    assert jobs.poll(40.0) is None


@pytest.mark.parametrize(
    ("state", "end"),
    [("FAILED", None), ("COMPLETED", None), ("TIMEOUT", "time_limit"), ("CANCELLED", "cancelled")],
)
def test_stage_that_fails_ends_its_own_job(slurm: SlurmPrograms, state: str, end: str | None) -> None:
    """Without an allocation the job of a stage ends with it."""
    slurm.answer("scontrol", GIVEN_BACK.replace("COMPLETED", state))
    slurm.answer("sinfo")
    found = job.find_end("38", inside=False, signalled=False)
    assert (found.end if found is not None else None) == end


def test_second_sigterm_changes_nothing() -> None:
    plan = msgspec.structs.replace(single("ok"), job=JobRequest(mode="sbatch"))
    own = job.RunJob(plan, "r", {"SLURM_JOB_ID": "17"})
    assert own.terminate(is_stopping=False) == own.terminate(is_stopping=True)
    assert own.ends
    stopped = job.RunJob(plan, "r", {"SLURM_JOB_ID": "17"})
    stopped.terminate(is_stopping=True)
    assert not stopped.ends
