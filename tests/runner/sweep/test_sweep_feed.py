"""Following a sweep: how long it will still take."""

from __future__ import annotations

import pytest

from runner.sweep import control
from runner.sweep.directory import AnyLogEntry, MeasuredConfiguration, SweepBegun, SweepRunEnded
from runner.sweep.spec import Slot
from runner.sweep.sweep_feed import SweepFeed
from tests.support.sweeps import LARGE, SMALL, started, sweep_of, written


def ran(slot: Slot, seconds: float, preparing: float) -> list[AnyLogEntry]:
    done = [MeasuredConfiguration(configuration=one, outcome="done") for one in (SMALL, LARGE)]
    run = f"20260101T000000Z_tiny_00{slot.cell}{slot.repeat}"
    end = SweepRunEnded(
        wall=1e9, cell=slot.cell, repeat=slot.repeat, run=run, seconds=seconds, preparing=preparing,
        measured=done,
    )  # fmt: skip
    return [started(slot, run, SMALL, LARGE), end]


def test_later_repeats_take_less_without_the_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "is_running", lambda path: True)

    def left(*entries: AnyLogEntry) -> float | None:
        feed = SweepFeed(written(sweep_of(2, repeat=2), SweepBegun(wall=1e9), *entries))
        feed.drain()
        return feed.board(numbers=False).remaining_s

    first, second = ran(Slot(0, 0), 1010.0, 1000.0), ran(Slot(1, 0), 1010.0, 1000.0)
    assert left() is None
    assert left(*first) == 3 * 10 + 1000, "one engine is still to be built"
    assert left(*first, *second) == 2 * 10
    assert left(*first, *second, *ran(Slot(0, 1), 10.0, 0.0)) == 10
