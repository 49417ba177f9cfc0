"""Runs whose job waits in the queue of Slurm, or was ended by it."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.history.reader import read_entries
from runner.history.run_entry import read_entry
from runner.history.run_feed import open_feed
from runner.history.run_list import as_text
from runner.history.stop import stop_run
from runner.plan.job_request import JobRequest
from runner.run import job, layout, liveness
from runner.util import paths
from runner.util.errors import UserError
from tests.support.runs import record, single, state_of
from tests.support.slurm import SlurmPrograms

RUN = "20260101T000000Z_program_0001"
PLAN = msgspec.structs.replace(single("ok"), job=JobRequest(mode="sbatch"))
PENDING = "17|PENDING|4294901736|1795976070|1795976190|1795975706||main|Resources\n"
BEGIN = ev.RunStarted(
    t=1, run=RUN, schema=1, wall=1e9, host="n1", boot_id="other", pid=1, cores=2, version="0"
)


def submitted(*log: ev.AnyEvent, number: str = "17", name: str = RUN) -> Path:
    """A run that was submitted long ago, with the log that its supervisor wrote on another machine."""
    run_dir = record(paths.runs_dir() / name, PLAN, list(log))
    job.write_job(run_dir, job.Job(id=number, user="u", host="login", submitted=1e9))
    if log:
        owner = liveness.owner_of(run_dir, 1)
        elsewhere = msgspec.structs.replace(owner, boot_id="other", host="n1", machine="other")
        liveness.write_owner(run_dir, elsewhere)
    else:
        (run_dir / layout.EVENTS).unlink(missing_ok=True)
    return run_dir


def test_waiting_job_is_queued_with_its_reason(slurm: SlurmPrograms) -> None:
    slurm.answer("squeue", PENDING)
    submitted()
    (entry,) = read_entries()
    assert entry.status == "queued"
    assert entry.started == 1767225600.0
    assert "job 17 waits in the queue of Slurm: Resources, partition main, priority 4294901736" in as_text(
        [entry]
    )


def test_one_call_answers_for_all_jobs(slurm: SlurmPrograms) -> None:
    slurm.answer("squeue", PENDING + PENDING.replace("17|", "18|"))
    submitted()
    submitted(number="18", name=RUN.replace("0001", "0002"))
    assert [entry.status for entry in read_entries()] == ["queued", "queued"]
    assert len(slurm.calls("squeue")) == 1


def test_live_screen_has_the_place_in_the_queue(
    slurm: SlurmPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm.answer("squeue", PENDING)
    feed = open_feed(submitted())
    monkeypatch.setattr("runner.history.run_feed.LIVENESS_S", 0.0)
    deadline = time.monotonic() + 60
    while feed.state.job_queued is None and time.monotonic() < deadline:
        feed.drain(0.1)
    assert feed.state.status == "queued"
    assert feed.state.job_queued is not None
    assert (feed.state.job_queued.reason, feed.state.job_queued.starts) == ("Resources", 1795976070.0)


@pytest.mark.parametrize(
    ("sacct", "log", "status", "end", "cause"),
    [
        ("17|TIMEOUT|0:0|1|2|3|n1|main", [BEGIN], "failed", "time_limit", "job 17 reached its time limit"),
        ("17|NODE_FAIL|1:0|1|2|3|n1|main", [BEGIN], "failed", "node_failed", "a node of job 17 failed (n1)"),
        ("17|CANCELLED by 0|0:0|1||3|None assigned|main", [], "stopped", "cancelled", "cancelled by root"),
        ("17|FAILED|0:53|1|2|3|n1|main", [], "failed", "failed", "does not see the run directory"),
        ("17|FAILED|0:9|1|2|3|n1|main", [BEGIN], "lost", "failed", "supervisor was killed in job 17 on n1"),
        ("", [BEGIN], "lost", None, "its job is not in the queue of Slurm"),
    ],
    ids=["time", "node", "cancelled", "unseen", "killed", "forgotten"],
)
def test_end_of_the_job_is_the_end_of_the_run(
    slurm: SlurmPrograms, sacct: str, log: list[ev.AnyEvent], status: str, end: str | None, cause: str
) -> None:
    slurm.answer("squeue", "")
    slurm.answer("sacct", f"{sacct}\n")
    run_dir = submitted(*log)
    entry = read_entry(run_dir)
    assert (entry.status, entry.job_end) == (status, end)
    assert cause in entry.cause
    ended = state_of(run_dir).ended
    assert ended is not None
    assert ended.job_end == end


@pytest.mark.parametrize("queue", ["17|RUNNING|1|2|3|1|n1|main|None\n", None], ids=["runs", "no answer"])
def test_run_goes_on_while_slurm_does_not_say_that_it_ended(slurm: SlurmPrograms, queue: str | None) -> None:
    if queue is not None:
        slurm.answer("squeue", queue)
    assert read_entry(submitted(BEGIN)).status == "running"


def test_new_job_may_be_missing_in_an_old_answer(slurm: SlurmPrograms) -> None:
    slurm.answer("squeue", "")
    run_dir = submitted()
    record = job.read_job(run_dir)
    assert record is not None
    job.write_job(run_dir, msgspec.structs.replace(record, submitted=time.time()))
    assert not read_entry(run_dir).ended


def test_stop_cancels_a_job_that_waits(slurm: SlurmPrograms) -> None:
    slurm.answer("squeue", PENDING, until="scancel")
    slurm.answer("sacct", "17|CANCELLED by 0|0:0|1||3|None assigned|main\n")
    slurm.answer("scancel")
    run_dir = submitted()
    entry = stop_run(run_dir, "alice, with trtbench-tui stop")
    assert (entry.status, entry.job_end) == ("stopped", None)
    stopping = state_of(run_dir).stopping
    assert stopping is not None
    assert stopping.by == "alice, with trtbench-tui stop"
    assert slurm.calls("scancel") == ["--quiet 17"]


def test_no_command_is_started_for_the_job_in_a_copy(
    slurm: SlurmPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = ("squeue", "sacct", "scontrol", "scancel")
    for program in programs:
        slurm.answer(program, PENDING)
    monkeypatch.setattr(liveness, "POLL_S", 0.01)
    monkeypatch.setattr("runner.history.stop.STOP_TIMEOUT_S", 0.0)
    original = submitted()
    copies = [paths.runs_dir() / RUN.replace("0001", "0002"), tmp_path / "elsewhere"]
    for copy in copies:
        shutil.copytree(original, copy)
        read_entry(copy)
        with contextlib.suppress(UserError):
            stop_run(copy, "a test")
    assert [slurm.calls(program) for program in programs] == [[]] * 4
    assert read_entry(original).status == "queued"


@pytest.mark.parametrize("field", [{"id": "--user=root"}, {"id": "17 18"}, {"cluster": "-x"}])
def test_a_job_whose_number_is_an_option_is_none(field: dict[str, str]) -> None:
    run_dir = submitted()
    found = json.loads((run_dir / job.JOB).read_bytes())
    (run_dir / job.JOB).write_text(json.dumps(found | field))
    assert job.read_job(run_dir) is None
