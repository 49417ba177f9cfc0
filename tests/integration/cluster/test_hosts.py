"""The test bed itself: each host is a machine of its own, and nothing of it remains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engines.mpi import ROOT_ENV
from tests.runner.ranks.support import PROGRAM, needs_mpi, read_records, write_shape
from tests.support.cluster import Cluster, Host
from tests.support.paths import ROOT
from tests.support.runs import wait_for

_CRASHING = """
import os, signal, sys
from pathlib import Path
from tests.support.cluster import Cluster
with Cluster(Path(sys.argv[1])) as cluster:
    print(cluster["node1"].start("sleep", "600").pid, *(host.pid for host in cluster), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def answers(host: Host, other: str) -> bool:
    return "works" in host.run("ssh", "-o", "ConnectTimeout=1", other, "echo works", check=False)


def test_each_host_is_a_machine_of_its_own(tmp_path: Path) -> None:
    here = os.uname().nodename
    with Cluster(tmp_path / "bed", 2, own=[tmp_path / "scratch"], clock_ahead_s={"node2": 3600}) as cluster:
        first, second = cluster
        of_a_machine = "uname -n; cat /proc/sys/kernel/random/boot_id"
        assert first.run("sh", "-c", of_a_machine) != second.run("sh", "-c", of_a_machine)
        first.run("touch", str(tmp_path / "scratch" / "a"), str(tmp_path / "bed" / "b"), "/run/lock/c")
        seen = f"ls {tmp_path}/scratch {tmp_path}/bed /run/lock"
        assert {"a", "b", "c"} <= set(first.run("sh", "-c", seen).split())
        assert {"a", "b", "c"} & set(second.run("sh", "-c", seen).split()) == {"b"}
        clocks = [float(host.run("cat", "/proc/uptime").split()[0]) for host in cluster]
        assert 3600 <= clocks[1] - clocks[0] < 3900
        assert os.uname().nodename == here, "the name of this machine is its own, too"


def test_links_sshd_and_folders_fail_and_come_back(tmp_path: Path) -> None:
    with Cluster(tmp_path / "bed", 2) as cluster:
        first, second = cluster
        assert answers(first, "node2")
        cluster.cut("node2")
        assert not answers(first, "node2")
        cluster.restore("node2")
        assert answers(first, "node2")
        second.stop_sshd()
        assert not answers(first, "node2")
        second.start_sshd()
        outside = ["ssh", "-F", str(cluster.ssh_config), "node2", "uname -n"]
        assert subprocess.run(outside, capture_output=True, check=True).stdout == b"node2\n"
        cluster.hide("node2", tmp_path)
        assert second.run("ls", str(tmp_path)) == ""
        cluster.show("node2", tmp_path)
        assert second.run("ls", str(tmp_path)) != ""


def test_hosts_end_with_the_process_that_made_them(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _CRASHING, str(tmp_path / "bed")]
    crashed = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert crashed.returncode == -signal.SIGKILL
    for pid in crashed.stdout.split():
        wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), f"the end of process {pid}")  # type: ignore[misc]


@pytest.mark.mpi
@pytest.mark.slow
@needs_mpi
def test_mpirun_runs_the_torch_engine_on_two_hosts(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    shape = write_shape(tmp_path / "engine")
    environment = {
        **ROOT_ENV,
        "OMP_NUM_THREADS": "1",
        "TRTBENCH_RECORDS": str(records),
    }
    with Cluster(tmp_path / "bed", 2, environment=environment) as cluster:
        cluster["node1"].run(
            *(
                "mpirun",
                "--host",
                "node1:1,node2:1",
                "-n",
                "2",
                "--bind-to",
                "none",
                "-x",
                "TRTBENCH_RECORDS",
            ),
            *(sys.executable, str(PROGRAM), "--engine_dir", str(shape), "--batch_size", "1"),
            *("--input_output_len", "8,4", "--dtype", "float32", "--num_runs", "3", "--duration", "0"),
        )
        assert cluster.left() == {}
    hosts = [read_records(records, rank)[0]["host"] for rank in (0, 1)]
    assert hosts == ["node1", "node2"]
