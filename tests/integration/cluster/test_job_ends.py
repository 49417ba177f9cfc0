"""How Slurm ends the job of a run: each end is a cause of its own, and nothing is left on any node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from runner.events.job import JobEnd
from runner.report.files import read_state
from tests.integration.cluster.slurm_jobs import submit, submit_endless
from tests.support.cluster import Slurm, product, slurm_missing
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(slurm_missing()), reason=slurm_missing()),
]


@dataclass(frozen=True)
class Case:
    happens: Callable[[Slurm], object]
    end: JobEnd
    options: str = ""
    """further fields of `launch.slurm`"""
    status: str = "failed"


def preempt(slurm: Slurm) -> None:
    slurm.submit("#!/bin/sh\nsleep 600\n", "-N2", "--exclusive")


CASES = {
    "cancelled": Case(lambda slurm: slurm.login.run("scancel", *slurm.jobs()), "cancelled", status="stopped"),
    "node-down": Case(lambda slurm: slurm.set_node("node2", "down"), "node_failed"),
    "preempted": Case(preempt, "preempted", "partition: spare"),
    "time-limit": Case(lambda _: None, "time_limit", "time: '1'"),
    "first-node-off": Case(lambda slurm: slurm.cluster.power_off("node1"), "node_failed"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_how_slurm_ends_a_job_is_the_cause(slurm: Slurm, case: Case) -> None:
    run_dir = submit_endless(slurm, case.options)
    case.happens(slurm)

    def ended() -> bool:
        # A reader closes the log of a run whose supervisor is gone.
        slurm.login.run("trtbench-tui", "ls", check=False)
        return not read_state(run_dir).running

    wait_for(ended, "the end of the run", 2 * PATIENCE_S, pause=0.5)
    state = read_state(run_dir)
    assert state.ended is not None
    assert (state.status, state.ended.job_end) == (case.status, case.end)
    for job in slurm.jobs():
        slurm.login.run("scancel", job)
    product.wait_until_clean(slurm.cluster)


def test_a_job_that_waits_shows_why_until_it_is_cancelled(slurm: Slurm) -> None:
    blocking = slurm.submit("#!/bin/sh\nsleep 600\n", "-N2", "--exclusive")
    slurm.wait_for_job(blocking, "RUNNING")
    run_dir = submit(slurm, "endless")
    wait_for(lambda: "Resources" in slurm.login.run("trtbench-tui", "ls"), "the reason", pause=0.5)
    slurm.login.run("trtbench-tui", "stop", run_dir.name)
    assert slurm.jobs() == [blocking]
    assert "stopped" in slurm.login.run("trtbench-tui", "ls")
