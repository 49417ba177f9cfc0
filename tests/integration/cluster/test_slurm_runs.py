"""Runs as jobs of a real Slurm: submitted on the login host, supervised on the first node."""

from __future__ import annotations

import pytest

from runner.report.files import read_state
from tests.integration.cluster.slurm_jobs import submit, submit_endless
from tests.support.cluster import Slurm, product, slurm_missing
from tests.support.runs import wait_for, wait_until_ended

pytestmark = pytest.mark.skipif(bool(slurm_missing()), reason=slurm_missing())


def test_a_job_on_two_nodes_ends_with_its_result(slurm: Slurm) -> None:
    run_dir = submit(slurm, "plain")
    state = wait_until_ended(run_dir)
    assert (state.status, state.failure) == ("finished", None)
    assert {rank.hello.host for rank in state.ranks.values() if rank.hello is not None} == {"node1", "node2"}
    product.wait_until_clean(slurm.cluster)
    assert slurm.jobs() == []


@pytest.mark.slow
def test_a_stop_on_the_login_host_ends_the_job(slurm: Slurm) -> None:
    run_dir = submit_endless(slurm)
    slurm.login.run("trtbench-tui", "stop", run_dir.name)
    assert wait_until_ended(run_dir).status == "stopped"
    product.wait_until_clean(slurm.cluster)
    assert slurm.jobs() == []


@pytest.mark.slow
def test_a_run_outlives_a_restart_of_the_controller(slurm: Slurm) -> None:
    run_dir = submit_endless(slurm)
    slurm.stop_controller()
    before = read_state(run_dir).events
    wait_for(lambda: read_state(run_dir).events > before, "events without a controller")
    slurm.start_controller()
    assert read_state(run_dir).running
    assert len(slurm.jobs()) == 1
