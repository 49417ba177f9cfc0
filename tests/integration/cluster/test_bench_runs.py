"""Runs of trtllm-bench with ranks on two hosts, through the launcher of its LLM API: mpirun and Slurm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.state.run import RunState
from tests.integration.trtllm_bench import support
from tests.support.cluster import Cluster, Host, Slurm, product, slurm_missing
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_until_ended

pytestmark = [pytest.mark.slow, pytest.mark.mpi]

OLD = {"env": {"TRTLLM_STANDIN_LAUNCHER": "old"}}
"""The launcher splits words at spaces, and a command that fails leaves its ranks waiting."""
FAILS = {"env": {**OLD["env"], "TRTLLM_STANDIN_BENCH_FAULT": "oom"}}


def run(host: Host, folder: Path, **launch: Any) -> RunState:
    spaced = folder / "two words"
    spaced.mkdir()
    changes = {"name": "several-hosts", "parallel": {"tp": 2}, "benchmark": {"backend": "pytorch"}}
    settings = support.settings(spaced, "1.0.0", **changes, launch=launch)
    return wait_until_ended(product.start(host, yaml.safe_dump(settings), folder), 2 * PATIENCE_S)


@pytest.mark.parametrize("launcher", [OLD, FAILS], ids=["works", "fails"])
def test_mpirun_gives_it_ranks_on_two_hosts(tmp_path: Path, launcher: dict[str, Any]) -> None:
    with Cluster(tmp_path / "bed", environment=product.environment()) as cluster:
        state = run(cluster["node1"], tmp_path, mpirun={"hosts": cluster.names}, **launcher)
        product.wait_until_clean(cluster)
    if launcher is FAILS:
        assert state.failure is not None
        assert "memory" in state.failure.cause
    else:
        assert (state.status, state.failure, state.results) == ("finished", None, 1)


@pytest.mark.skipif(bool(slurm_missing()), reason=slurm_missing())
def test_srun_gives_it_ranks_on_two_nodes(slurm: Slurm) -> None:
    state = run(slurm.login, slurm.folder, slurm={"nodes": 2, "mpi": "pmix"})
    assert (state.status, state.failure, state.results) == ("finished", None, 1)
    product.wait_until_clean(slurm.cluster)
