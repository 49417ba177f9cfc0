"""Fixtures of the tests of the sweep screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.history.lookup import find_run
from runner.run import layout
from runner.sweep import control


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.sweep.sweep_files.SweepFiles.now", lambda self: 1e9 + 600)
    monkeypatch.setattr("runner.history.run_feed.time.monotonic_ns", lambda: 61_000_000_000)
    monkeypatch.setattr("runner.run.layout.four_letters", lambda: "7f3a")


@pytest.fixture
def with_locks() -> Iterator[Callable[[Path], Path]]:
    """Hold the locks of a sweep and its current run, so that they count as alive."""
    locks: list[int | None] = []

    def hold(path: Path) -> Path:
        locks.append(layout.try_lock(path))
        note = control.read_progress(path).current_run
        if note is not None:
            locks.append(layout.try_lock(find_run(note.run)))
        return path

    yield hold
    for lock in locks:
        if lock is not None:
            os.close(lock)
