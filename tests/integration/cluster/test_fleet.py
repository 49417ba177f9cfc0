"""Runs of another machine through the real ssh and sshd, over a link that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.fleet.mirror import mirror_dir
from runner.run import layout
from runner.util import paths
from tests.integration.cluster.slurm_jobs import submit
from tests.support.cluster import Cluster, Host, Slurm, product, slurm_missing
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

CUTS = 3


def of_host(host: Host, path: Path) -> Path:
    """Return the path by which this process reads a file of a host that hosts do not share."""
    return Path(f"/proc/{host.pid}/root{path}")


def test_a_copy_survives_cuts_of_ssh_and_of_the_link(tmp_path: Path) -> None:
    own = [paths.state_home()]
    with Cluster(tmp_path / "bed", own=own, environment=product.environment()) as cluster:
        laptop, box = cluster
        profile = product.on_one_host(python=product.light_python(tmp_path, "slow"))
        run_dir = product.start(box, profile, tmp_path)
        following = laptop.start("trtbench-tui", "--host", "node2", "attach", run_dir.name, "--json")
        copy = of_host(laptop, mirror_dir("node2", run_dir.name) / layout.EVENTS)
        original = of_host(box, run_dir / layout.EVENTS)
        for _ in range(CUTS):
            before = copy.stat().st_size if copy.exists() else 0
            wait_for(lambda before=before: copy.exists() and copy.stat().st_size > before, "more events")  # type: ignore[misc]
            laptop.kill("ssh")
        cluster.cut("node2")
        assert box.run("trtbench-tui", "stop", run_dir.name) is not None
        cluster.restore("node2")
        printed, _ = following.communicate(timeout=2 * PATIENCE_S)
        assert copy.read_bytes() == original.read_bytes()
        assert printed.encode().count(b"\n") >= original.read_bytes().count(b"\n")
        product.wait_until_clean(cluster)


@pytest.mark.skipif(bool(slurm_missing()), reason=slurm_missing())
def test_waiting_job_is_watched_and_stopped_from_a_laptop(tmp_path: Path) -> None:
    own = [f"{name}={tmp_path}/laptop-{name}" for name in product.OF_RUNS]
    here = ("env", *own, "trtbench-tui", "--host", "login")
    with Slurm(tmp_path, environment=product.environment(), further=["laptop"]) as slurm:
        laptop = slurm.cluster["laptop"]
        blocking = slurm.submit("#!/bin/sh\nsleep 600\n", "-N2", "--exclusive")
        slurm.wait_for_job(blocking, "RUNNING")
        stopped, waiting = submit(slurm, "endless").name, submit(slurm, "plain").name
        wait_for(
            lambda: "in the queue of Slurm: Resources" in laptop.run(*here, "ls"), "the reason", pause=0.5
        )
        laptop.run(*here, "stop", stopped)
        assert len(slurm.jobs()) == 2, "the job of the stopped run is gone"
        following = laptop.start(*here, "attach", waiting, "--headless")
        assert following.stderr is not None
        assert any("in the queue of Slurm" in line for line in following.stderr)
        slurm.login.run("scancel", blocking)
        printed, _ = following.communicate(timeout=2 * PATIENCE_S)
        assert "tokens per second" in printed
        product.wait_until_clean(slurm.cluster)
        assert slurm.jobs() == []
