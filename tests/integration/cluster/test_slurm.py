"""The Slurm of the test bed: jobs on two nodes, and what can happen to them."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.support.cluster import Slurm, slurm_missing
from tests.support.runs import wait_for

pytestmark = pytest.mark.skipif(bool(slurm_missing()), reason=slurm_missing())

SLEEPS = "#!/bin/sh\nsrun sleep 600\n"
ADDS = "from mpi4py import MPI; print(MPI.Get_processor_name(), MPI.COMM_WORLD.allreduce(1))"


def test_srun_starts_ranks_on_all_nodes(slurm: Slurm) -> None:
    shown = slurm.login.run(
        "srun", "-N2", "--gres=gpu:2", "sh", "-c", "echo $(uname -n) $CUDA_VISIBLE_DEVICES"
    )
    assert sorted(shown.splitlines()) == ["node1 0,1", "node2 0,1"]
    job = slurm.submit(SLEEPS, "-N2")
    slurm.wait_for_job(job, "RUNNING")
    wait_for(lambda: "node2" in slurm.cluster.left(), "the step on the second node")
    slurm.login.run("scancel", job)
    wait_for(lambda: slurm.cluster.left() == {}, "the end of the job on all nodes")
    slurm.wait_for_job(job, "CANCELLED")  # it completes on its nodes first


@pytest.mark.slow
def test_ranks_of_open_mpi_find_each_other_by_pmix(slurm: Slurm) -> None:
    if "pmix_v" not in slurm.login.run("srun", "--mpi=list"):
        pytest.skip("Slurm has no PMIx")
    shown = slurm.login.run("srun", "-N2", "--mpi=pmix", sys.executable, "-c", ADDS)
    assert sorted(shown.splitlines()) == ["node1 2", "node2 2"]


@pytest.mark.slow
def test_what_ends_a_job_is_in_its_state(slurm: Slurm) -> None:
    failing = slurm.submit(SLEEPS, "-N2", "--no-requeue")
    slurm.wait_for_job(failing, "RUNNING")
    slurm.stop_controller()
    assert slurm.job_state(failing) == ""
    slurm.start_controller()
    assert slurm.job_state(failing) == "RUNNING"
    slurm.set_node("node2", "down")
    slurm.wait_for_job(failing, "NODE_FAIL")
    slurm.set_node("node2", "resume")
    preempted = slurm.submit(SLEEPS, "-N2", "--partition=spare")
    slurm.wait_for_job(preempted, "RUNNING")
    preempting = slurm.submit(SLEEPS, "-N2", "--exclusive", "--no-requeue")
    slurm.wait_for_job(preempted, "PREEMPTED")
    slurm.wait_for_job(preempting, "RUNNING")
    wait_for(
        lambda: any("sleep 600" in process.argv for process in slurm.cluster["node2"].processes()), "its step"
    )
    # Its node is gone without a word, as after a reboot.
    slurm.stop_node("node2", signal.SIGKILL)
    slurm.wait_for_job(preempting, "NODE_FAIL")
