"""A run to pack, and another machine to unpack it on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.util import paths
from tests.support import recorded_runs


@pytest.fixture
def run_dir() -> Path:
    """A run in the history of this machine."""
    source = recorded_runs.finished(2).write(paths.runs_dir())
    (source / "repro.sh").chmod(0o755)
    return source


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that switches to another machine with an empty history."""
    return lambda: monkeypatch.setenv("TRTBENCH_HOME", str(tmp_path / "another-machine"))
