"""Runs of a sweep take turns in a bounded number of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner import events as ev
from runner.engines.slurm.records import JobRecord
from runner.run import job_turns, layout
from runner.run.job import Job
from runner.schema.base import Profile
from runner.supervision import launch
from runner.sweep import job_runner
from runner.sweep.job_runner import JobSweepRunner
from runner.sweep.spec import SweepSpec
from runner.util import paths
from runner.util.errors import UserError
from tests.support.runs import record, single
from tests.support.sweeps import LARGE, SMALL, TINY, sweep_of, written

ON_SLURM = TINY + "launch: {slurm: {}}\n"
MEASURED: list[ev.AnyEvent] = [
    ev.RunStarted(t=1, run="r", schema=1, wall=1e9, host="n", boot_id="b", pid=1, cores=2, version="0"),
    ev.RunEnded(t=2, status="finished", wall=1e9),
]
OUT_OF_TIME = [MEASURED[0], ev.RunEnded(t=2, status="failed", wall=1e9, job_end="time_limit")]


class Cluster:
    """In place of Slurm and supervisors: jobs start at once, runs end when the sweep next looks at them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: list[ev.AnyEvent]) -> None:
        self.ends = list(ends)
        self.jobs: list[str] = []
        self.state = "RUNNING"
        self.patience = 1
        """how many jobs have to be in the queue before they start"""
        self.runs: list[str] = []
        """the job of each run"""
        self.most = 0
        """runs under way at a time"""
        self.runner: JobSweepRunner | None = None
        monkeypatch.setattr(job_runner, "submit", self.submit)
        monkeypatch.setattr(job_runner, "cancel", lambda job: "")
        monkeypatch.setattr(job_runner, "find_in_queue", self.find)
        monkeypatch.setattr(job_runner, "find_record", lambda job: JobRecord(job.id, self.state, by="0"))
        monkeypatch.setattr(launch, "start", self.start)
        monkeypatch.setattr(job_runner, "POLL_S", 0.0)

    def find(self, job: Job, *, wait: bool) -> JobRecord:
        return JobRecord(job.id, self.state if len(self.jobs) >= self.patience else "PENDING")

    def submit(self, directory: Path, script: str) -> Job:
        if self.state == "refused":
            raise UserError("launch.slurm: sbatch refused the job: Invalid account")
        assert "runner.supervision.shared_job" in script
        self.jobs.append(str(17 + len(self.jobs)))
        return Job(id=self.jobs[-1], user="u", host="h", submitted=1e9)

    def start(self, profile: Profile, *, shared: Job, **_: Any) -> Path:
        self.runs.append(shared.id)
        end = self.ends.pop(0) if self.ends else MEASURED
        assert self.runner is not None
        self.most = max(self.most, 1 + sum(job.turn is not None for job in self.runner._jobs))
        plan = msgspec.structs.replace(single("ok"), configurations=[SMALL, LARGE])
        return record(paths.runs_dir() / layout.new_run_id("tiny"), plan, end)


def run_sweep(cluster: Cluster, sweep: SweepSpec) -> JobSweepRunner:
    cells = [msgspec.structs.replace(cell, profile=ON_SLURM) for cell in sweep.cells]
    directory = written(msgspec.structs.replace(sweep, cells=cells))
    cluster.runner = JobSweepRunner(directory, msgspec.structs.replace(sweep, cells=cells))
    cluster.runner.run()
    return cluster.runner


def test_jobs_are_bounded_and_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    cluster.patience = 2
    runner = run_sweep(cluster, sweep_of(3, repeat=2, jobs=2))
    assert len(cluster.jobs) == 2
    assert len(cluster.runs) == 6
    assert cluster.most <= 2
    assert runner.progress.status == "finished"
    turns = [job_turns.read_turns(job)[0] for job in sorted((runner.directory / "jobs").iterdir())]
    assert sum(len(lines) - 1 for lines in turns) == 6
    assert all(lines[-1] == job_turns.END for lines in turns)


def test_what_slurm_ended_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, MEASURED, OUT_OF_TIME)
    runner = run_sweep(cluster, sweep_of(2, jobs=1))
    assert [run.slot.cell for run in runner.progress.runs.values()] == [0, 1, 1]


def test_run_that_is_too_long_for_a_job_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, OUT_OF_TIME)
    runner = run_sweep(cluster, sweep_of(1, jobs=1))
    assert len(cluster.runs) == 1
    assert runner.progress.failures()


def test_job_that_ran_nothing_stops_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    cluster.state = "CANCELLED"
    runner = run_sweep(cluster, sweep_of(2, jobs=1))
    assert runner.progress.status == "stopped"
    assert runner.progress.why == "job 17 was cancelled by root; it had run nothing"


def test_refused_job_is_the_reason_of_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    cluster.state = "refused"
    runner = run_sweep(cluster, sweep_of(2, jobs=1))
    assert "Invalid account" in runner.progress.failures()[0].why
    assert not cluster.runs
