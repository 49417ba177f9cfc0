"""Ranks in containers of podman on two hosts: a run to its end, and an end that leaves no container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.report.files import read_state
from tests import standins
from tests.integration.trtllm import support
from tests.integration.trtllm.test_containers import CONFIGURATION, root, volumes, why_not
from tests.support.cluster import Cluster, product
from tests.support.cluster.namespaces import program
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for, wait_until_ended

pytestmark = [pytest.mark.slow, pytest.mark.mpi, pytest.mark.xdist_group("containers")]

STORAGE = "/var/lib/containers"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    if program("podman") is None:
        pytest.skip("podman is not installed")
    configuration = tmp_path / "containers.conf"
    configuration.write_text(CONFIGURATION)
    monkeypatch.setenv("CONTAINERS_CONF", str(configuration))
    if why := why_not(tmp_path):
        pytest.skip(f"podman cannot start a container here: {why}")
    environment = {**product.environment(), "CONTAINERS_CONF": str(configuration)}
    with Cluster(tmp_path / "bed", environment=environment, own=[STORAGE]) as cluster:
        yield cluster


def start(cluster: Cluster, folder: Path, **env: str) -> Path:
    standins.make_engine(folder / "data" / "engine", ranks=2)
    image = {"run": root(folder), "tool": "podman", "options": ["--rootfs"], "volumes": volumes(folder)}
    changes: dict[str, Any] = {
        "name": "several-hosts",
        "stages": ["benchmark"],
        "model": {"dir": "/test_data/model"},
        "parallel": {"tp": 2},
        "paths": {"engine_dir": "/test_data/engine"},
        "launch": {"container": image, "mpirun": {"hosts": cluster.names}, "env": env},
    }
    return product.start(cluster["node1"], yaml.safe_dump(support.settings(folder, **changes)), folder)


def containers(cluster: Cluster) -> list[str]:
    """Names of the containers on all hosts, running or not."""
    names = [host.run("podman", "ps", "--all", "--format", "{{.Names}}") for host in cluster]
    return "".join(names).split()


def test_ranks_in_containers_on_two_hosts(cluster: Cluster, tmp_path: Path) -> None:
    state = wait_until_ended(start(cluster, tmp_path), 2 * PATIENCE_S)
    assert (state.status, state.failure) == ("finished", None)
    assert {rank.hello.host for rank in state.ranks.values() if rank.hello is not None} == {"node1", "node2"}
    product.wait_until_clean(cluster)

    run_dir = start(cluster, tmp_path, TRTLLM_STANDIN_FAULTS="benchmark=hang@3")
    wait_for(lambda: bool(read_state(run_dir).configurations), "the benchmark", pause=0.2)
    assert containers(cluster) == [f"trtbench-{run_dir.name}-benchmark-{rank}" for rank in (0, 1)]
    assert cluster["node2"].kill(f"rank_container.py trtbench-{run_dir.name}")
    assert wait_until_ended(run_dir, 2 * PATIENCE_S).status == "failed"
    product.wait_until_clean(cluster)
    assert containers(cluster) == []
