"""Runs that mpirun starts on several hosts, and what can happen to such a host."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.report.files import read_state
from runner.run.layout import EVENTS
from runner.util import processes
from tests.support.cluster import Cluster, product
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for, wait_until_ended

pytestmark = pytest.mark.mpi

SECOND_IS_AHEAD_S = 3600


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Two hosts; the clock of the second is ahead by an hour."""
    ahead = {"node2": SECOND_IS_AHEAD_S}
    with Cluster(tmp_path / "bed", environment=product.environment(), clock_ahead_s=ahead) as cluster:
        yield cluster


def start(cluster: Cluster, folder: Path, mode: str) -> Path:
    light = product.light_python(folder, mode)
    return product.start(cluster["node1"], product.with_mpirun(cluster.names, python=light), folder)


def test_a_run_on_two_hosts_ends_with_its_result(cluster: Cluster, tmp_path: Path) -> None:
    run_dir = start(cluster, tmp_path, "plain")
    state = wait_until_ended(run_dir)
    assert (state.status, state.failure) == ("finished", None)
    assert {rank.hello.host for rank in state.ranks.values() if rank.hello is not None} == {"node1", "node2"}
    # Times of the second host are those of the first one's clock.
    assert state.elapsed_s(0) < SECOND_IS_AHEAD_S
    product.wait_until_clean(cluster)


def kill_ssh_of_agents(cluster: Cluster) -> int:
    """Kill the ssh by which the agent of the second host was started; return how many there were."""
    launchers = [one.pid for one in cluster["node1"].processes() if " -n 1 --host " in one.argv]
    found = [pid for launcher in launchers for pid, _ in processes.children(launcher)]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return len(found)


@pytest.mark.slow
def test_an_agent_that_is_cut_off_is_replaced(cluster: Cluster, tmp_path: Path) -> None:
    run_dir = start(cluster, tmp_path, "endless")
    wait_for(lambda: len(read_state(run_dir).ranks) == 2, "both ranks", pause=0.2)
    wait_for(lambda: kill_ssh_of_agents(cluster) == 1, "the ssh of the agent", pause=0.2)
    log = run_dir / EVENTS
    wait_for(lambda: b"has a new agent" in log.read_bytes(), "another agent", pause=0.2)
    assert read_state(run_dir).running
    cluster["node1"].run("trtbench-tui", "stop", run_dir.name)
    assert wait_until_ended(run_dir).status == "stopped"
    product.wait_until_clean(cluster)


@pytest.mark.slow
def test_a_node_that_was_rebooted_is_the_cause(cluster: Cluster, tmp_path: Path) -> None:
    profile = product.with_mpirun(cluster.names, iterations=10**6)
    run_dir = product.start(cluster["node1"], profile, tmp_path)
    wait_for(lambda: bool(read_state(run_dir).configurations), "measurements", pause=0.2)
    cluster.shut_down("node2")
    log = run_dir / "nodes.log"
    wait_for(lambda: log.exists() and b"refused" in log.read_bytes(), "a refused connection", pause=0.2)
    cluster.boot("node2")
    state = wait_until_ended(run_dir, 2 * PATIENCE_S)
    assert state.failure is not None
    assert state.failure.cause == "node node2 was rebooted, and the ranks reported nothing more"
    product.wait_until_clean(cluster)
    # Files of locks and the folder of shared memory are still there.
    run_dir = product.start(cluster["node1"], product.with_mpirun(cluster.names), tmp_path)
    assert wait_until_ended(run_dir).status == "finished"


@dataclass(frozen=True)
class Case:
    happens: Callable[[Cluster], object]
    names_host: bool = True
    """cause or remedy names the second host"""
    spared: tuple[str, ...] = ()
    """what may be left: nothing reaches a host without a link, and its prted waits for the network"""
    computes: bool = False
    """real ranks: only those wait for each other, and stop when one is gone without notice"""


CASES = {
    "ssh-killed": Case(lambda cluster: cluster["node1"].kill("ssh")),
    "prted-killed": Case(lambda cluster: cluster["node2"].kill("prted")),
    "mpirun-killed": Case(lambda cluster: cluster["node1"].kill("prterun"), names_host=False),
    "rank-killed": Case(lambda cluster: cluster["node2"].kill("programs/ranks.py"), names_host=False),
    "host-off": Case(lambda cluster: cluster.power_off("node2"), computes=True),
    "link-down": Case(lambda cluster: cluster.cut("node2"), spared=("prted", "sshd"), computes=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_failed_host_ends_the_run_everywhere(cluster: Cluster, tmp_path: Path, case: Case) -> None:
    if case.computes:
        profile = product.with_mpirun(cluster.names, iterations=10**6)
        run_dir = product.start(cluster["node1"], profile, tmp_path)
    else:
        run_dir = start(cluster, tmp_path, "endless")
    wait_for(lambda: len(read_state(run_dir).ranks) == 2, "both ranks", pause=0.2)
    wait_for(lambda: bool(read_state(run_dir).configurations), "measurements", pause=0.2)
    wait_for(lambda: case.happens(cluster) != 0, "a process to end")
    state = wait_until_ended(run_dir, 2 * PATIENCE_S)
    assert state.status == "failed"
    assert state.failure is not None
    assert not case.names_host or "node2" in state.failure.cause + state.failure.remedy
    product.wait_until_clean(cluster, case.spared)
