"""A job of Slurm in which runs of a sweep take turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.run import job_turns
from runner.supervision import shared_job
from runner.supervision.shared_job import SharedJob
from runner.util import daemon

FIRST, SECOND = "20260101T000000Z_p_0001", "20260101T000000Z_p_0002"


class Supervisors:
    """In place of supervisors: each ends at once, after something happened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *happens: Any) -> None:
        self.runs: list[str] = []
        self.terminated = 0
        self._happens = list(happens)
        monkeypatch.setattr(daemon, "spawn", self.spawn)

    def spawn(self, module: str, run_dir: Path, lock: None, log: str) -> Supervisors:
        self.runs.append(run_dir.name)
        return self

    def wait(self) -> None:
        if self._happens:
            self._happens.pop(0)()

    def terminate(self) -> None:
        self.terminated += 1


def test_runs_take_turns_until_the_sweep_closes_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_turns.assign(tmp_path, FIRST)

    def assign_more() -> None:
        for line in (SECOND, "../../etc", job_turns.END):
            job_turns.assign(tmp_path, line)

    supervisors = Supervisors(monkeypatch, assign_more)
    SharedJob(tmp_path, tmp_path / "runs").run()
    assert supervisors.runs == [FIRST, SECOND]


def test_job_of_a_dead_sweep_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_job, "SILENT_S", 0.05)
    monkeypatch.setattr(shared_job, "POLL_S", 0.01)
    (tmp_path / job_turns.TURNS).touch()
    SharedJob(tmp_path, tmp_path / "runs").run()


def test_sigterm_ends_the_run_and_takes_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job_turns.assign(tmp_path, FIRST)
    job_turns.assign(tmp_path, SECOND)
    job = SharedJob(tmp_path, tmp_path / "runs")
    supervisors = Supervisors(monkeypatch, job._terminate)
    job.run()
    assert (supervisors.runs, supervisors.terminated) == ([FIRST], 1)
