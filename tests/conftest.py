"""Every test works in a home of its own: no run, profile or lock of the person at the keyboard takes part."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

WORDS_OF_A_TERMINAL = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
"""variables that say how to draw; a test that wants one sets it"""

# Hypothesis fails examples that take long; on a busy machine any of them may.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

# A shell starts what it runs in the background with ctrl+c ignored, and whatever a test starts inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where no bytecode is written, every program that a test starts compiles all of its modules again, and every
# worker all test modules: a third of the suite.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

SLOW = "TRTBENCH_SLOW_TESTS"
"""set by `make test-slow`: tests that take long are run as well"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(SLOW):
        return
    skip = pytest.mark.skip(reason="takes long and varies another test: `make test-slow` runs it")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    # What was imported and collected stays: looking through it again and again took a tenth of the suite.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)


def _is_open(descriptor: int) -> None:
    os.fstat(descriptor)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds runs, profiles and locks of one test."""
    home = tmp_path / "home"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TRTBENCH_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("TRTBENCH_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    # Tests do not survive a power cut, and ten thousand calls would wait for the disk.
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, _is_open)
    for name in WORDS_OF_A_TERMINAL:
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def mpirun_that_only_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An mpirun that states its version, for tests that plan runs and start none."""
    program = tmp_path / "mpirun" / "mpirun"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'mpirun (Open MPI) 5.0.11'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
