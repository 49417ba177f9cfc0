"""How soon what a rank on another host has measured is on the screen."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from runner.events import AnyEvent, Iteration
from runner.history.run_feed import open_feed
from runner.stats.percentiles import interpolated
from runner.util import paths
from tests.support.cluster import Cluster, product
from tests.support.runs import wait_for
from tui.screens.live.screen import BUDGET_S, FRAME_S

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

LIMIT_S = 0.5
HOSTS, RANKS_PER_HOST = 4, 2


@pytest.mark.parametrize(("is_real", "is_shared"), [(False, True), (True, False)], ids=["light", "torch"])
def test_eight_ranks_on_four_hosts_arrive_within_half_a_second(
    tmp_path: Path, is_real: bool, is_shared: bool
) -> None:
    """Ranks without work on a shared folder; real ones whose hosts send the records through the launcher."""
    delays: list[float] = []
    ranks: set[int] = set()

    def note(events: list[AnyEvent]) -> None:
        now = time.monotonic_ns()
        for event in events:
            if isinstance(event, Iteration) and event.phase == "timed":
                delays.append((now - event.t) / 1e9)
                ranks.add(event.rank)

    with Cluster(tmp_path / "bed", HOSTS, environment=product.environment()) as cluster:
        python = sys.executable if is_real else product.light_python(tmp_path, "plain")
        profile = product.with_mpirun(
            cluster.names, ranks_per_host=RANKS_PER_HOST, iterations=40, python=python
        )
        paths.runs_dir().mkdir(parents=True, exist_ok=True)
        for host in cluster.names[1:] if not is_shared else ():
            cluster[host].run("mount", "-t", "tmpfs", "own", str(paths.runs_dir()))
        feed = open_feed(product.start(cluster["node1"], profile, tmp_path))

        def drawn() -> bool:
            feed.drain(BUDGET_S, note)
            return not feed.state.running

        wait_for(drawn, "the end of the run", pause=FRAME_S)
        assert feed.state.status == "finished", feed.state.failure
        shares = {node.name: node.joined.shares_run_dir for node in feed.state.nodes.values() if node.joined}
        assert shares == {name: is_shared or name == "node1" for name in cluster.names}
    assert ranks == set(range(HOSTS * RANKS_PER_HOST))
    delays.sort()
    p50, p95 = interpolated(delays, 50), interpolated(delays, 95)
    print(f"{len(delays)} iterations: p50 {p50:.2f} s, p95 {p95:.2f} s")
    assert p95 < LIMIT_S
