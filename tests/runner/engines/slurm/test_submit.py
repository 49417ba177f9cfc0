"""A run is submitted as a job, or refused in the words of Slurm."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.plan.job_request import JobRequest
from runner.plan.plan import Plan
from runner.run import job as run_job
from runner.run import layout, liveness
from runner.run.liveness import Liveness
from runner.supervision.launch import launch
from runner.util import paths
from runner.util.errors import UserError
from tests.support.slurm import SlurmPrograms

PLAN = Plan(
    engine="torch", profile="p", summary="", stages=[], job=JobRequest(mode="sbatch", options=["--nodes=2"])
)


def new_run() -> Path:
    return paths.runs_dir() / layout.new_run_id("p")


def test_submitted_run_waits_without_supervisor(slurm: SlurmPrograms) -> None:
    slurm.answer("sbatch", "17;east\n")
    run_dir = new_run()
    launch(run_dir, PLAN, "name: p\n")
    job = run_job.read_job(run_dir)
    assert job is not None
    assert (job.id, job.cluster) == ("17", "east")
    assert "#SBATCH --nodes=2\n" in (run_dir / run_job.SCRIPT).read_text()
    assert liveness.check(run_dir) is Liveness.ELSEWHERE


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            "sbatch: error: invalid partition specified: nope\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            "sbatch refused the job: invalid partition specified: nope;"
            " Batch job submission failed: Invalid partition name specified",
        ),
        ("", "sbatch refused the job: sbatch ended with exit code 1"),
    ],
)
def test_refused_job_leaves_no_run(slurm: SlurmPrograms, error: str, sentence: str) -> None:
    slurm.answer("sbatch", error=error, code=1)
    run_dir = new_run()
    with pytest.raises(UserError, match=sentence):
        launch(run_dir, PLAN, "name: p\n")
    assert not run_dir.exists()


def test_missing_sbatch_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch on PATH") as caught:
        launch(new_run(), PLAN, "name: p\n")
    assert "login node" in caught.value.hint


def test_allocation_is_needed_for_its_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    plan = Plan(engine="torch", profile="p", summary="", stages=[], job=JobRequest(mode="allocation"))
    with pytest.raises(UserError, match="SLURM_JOB_ID is not set"):
        launch(new_run(), plan, "name: p\n")
