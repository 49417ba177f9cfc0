"""A run under way, for the list of runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import world


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run that has lasted 100 s at any time."""
    monkeypatch.setattr("runner.history.run_entry.time.monotonic_ns", lambda: 100 * 10**9)
    run_dir, lock = world.create_active_run("7f3a", "quickstart", ago=100)
    yield run_dir
    os.close(lock)
