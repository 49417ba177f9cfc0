"""A stream that is cut at random bytes loses and doubles nothing."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from runner.fleet import run_source
from runner.fleet.remote_host import RemoteHost
from runner.run import layout
from tests.runner.fleet.support import Cut, Machines, encoded, iterations

CUTS = 100
SEED = int(os.environ.get("TRTBENCH_FLEET_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)


def test_100_random_cuts_give_identical_event_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection ends at a random byte while the run continues; after one cut in ten it crashes, too."""
    print(f"repeat with TRTBENCH_FLEET_SEED={SEED}")
    monkeypatch.setattr(run_source, "PIECE", 700)
    chance = random.Random(SEED)
    machines = Machines(tmp_path, monkeypatch)
    run_dir = machines.add_run(iterations(1000))
    log = run_dir / layout.EVENTS
    machines.on(machines.here)
    copy = machines.remote.follow(run_dir.name).run_dir / layout.EVENTS
    offsets = set()
    cuts = 0
    while cuts < CUTS:
        lines = encoded(iterations(chance.randrange(20, 60), 1000 + 60 * cuts))
        torn = chance.randrange(len(lines))
        with open(log, "ab") as file:
            file.write(lines[:torn])
        cuts += machines.exchange(cut=budget(chance.randrange(1, 3000)))
        with open(log, "ab") as file:
            file.write(lines[torn:])
        offsets.add(copy.stat().st_size if copy.exists() else 0)
        if chance.random() < 0.1:
            crash(machines, copy, chance)
    assert not machines.exchange()
    assert copy.read_bytes() == log.read_bytes()
    assert len(offsets) > CUTS // 4, "the cuts were at different places of the log"


def budget(left: int) -> Cut:
    """Let `left` bytes of a connection arrive."""

    def cut(data: bytes) -> bytes:
        nonlocal left
        arrived, left = data[:left], left - len(data)
        return arrived

    return cut


def crash(machines: Machines, copy: Path, chance: random.Random) -> None:
    """End the copying process after it wrote something that it had not recorded yet."""
    machines.on(machines.here)
    (run,) = machines.remote.mirrors
    machines.remote.close()
    with open(copy, "ab") as file:
        file.write(b'{"kind":"iteration","written":"before the crash"}\n{"to'[: chance.randrange(50)])
    machines.remote = RemoteHost("user@box")
    machines.remote.follow(run)
