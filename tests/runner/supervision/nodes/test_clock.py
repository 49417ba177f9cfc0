"""The offset of another node's clock."""

from __future__ import annotations

import random

from runner.supervision.nodes.clock import NodeClockEstimate


def test_the_offset_is_within_its_error_for_any_delays() -> None:
    chance = random.Random(7)
    for offset in (-(10**13), 0, 12_345, 36 * 10**11):
        clock = NodeClockEstimate()
        for _ in range(10):
            t0 = chance.randrange(10**15, 10**16)
            there, handled, back = (chance.randrange(10**7) for _ in range(3))
            t1 = t0 + there + offset
            t3 = t0 + there + handled + back
            clock.add((t0, t1, t1 + handled, t3), (5000.0, 1400.0))
        best = clock.best
        assert best is not None
        assert abs(best.offset_ns - offset) <= best.error_ns + 1
        assert abs(best.wall_offset_s - 3600) < 0.02


def test_an_impossible_answer_is_ignored() -> None:
    clock = NodeClockEstimate()
    clock.add((10, 0, 100, 20), (0.0, 0.0))
    assert clock.best is None
