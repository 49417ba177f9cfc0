"""How soon what a rank on another host has measured is on the screen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runner.events import AnyEvent, Iteration
from runner.history.run_feed import open_feed
from runner.stats.samples import interpolated
from tests.support.cluster import Cluster, product
from tests.support.runs import wait_for
from tui.screens.live.screen import BUDGET_S, FRAME_S

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

LIMIT_S = 0.5
HOSTS, RANKS_PER_HOST = 4, 2


def test_eight_ranks_on_four_hosts_arrive_within_half_a_second(tmp_path: Path) -> None:
    delays: list[float] = []
    ranks: set[int] = set()

    def note(events: list[AnyEvent]) -> None:
        now = time.monotonic_ns()
        for event in events:
            if isinstance(event, Iteration) and event.phase == "timed":
                delays.append((now - event.t) / 1e9)
                ranks.add(event.rank)

    with Cluster(tmp_path / "bed", HOSTS, environment=product.environment()) as cluster:
        light = product.light_python(tmp_path, "plain")
        profile = product.with_mpirun(cluster.names, ranks_per_host=RANKS_PER_HOST, python=light)
        feed = open_feed(product.start(cluster["node1"], profile, tmp_path))

        def drawn() -> bool:
            feed.drain(BUDGET_S, note)
            return not feed.state.running

        wait_for(drawn, "the end of the run", pause=FRAME_S)
        assert feed.state.status == "finished"
    assert ranks == set(range(HOSTS * RANKS_PER_HOST))
    assert interpolated(sorted(delays), 95) < LIMIT_S
