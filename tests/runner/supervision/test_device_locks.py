"""Locks on devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.supervision.device_locks import DeviceLocks


@pytest.fixture
def place() -> Path:
    return Path(os.environ["TRTBENCH_LOCKS"])


def test_a_device_serves_one_run_at_a_time() -> None:
    first, second = DeviceLocks("first"), DeviceLocks("second")
    assert first.take(["gpu-0", "gpu-1"]) is None
    assert second.take(["gpu-1", "gpu-2"]) == ("gpu-1", "first")
    assert second.held == {}, "all devices or none"
    first.release()
    assert second.take(["gpu-1", "gpu-2"]) is None


def test_taking_again_what_is_held_is_nothing_new() -> None:
    locks = DeviceLocks("run")
    assert locks.take(["cpu"]) is None
    assert locks.take(["cpu"]) is None


def test_names_of_devices_become_names_of_files(place: Path) -> None:
    DeviceLocks("run").take(["MIG-1/2"])
    assert [path.name for path in place.iterdir()] == ["trtbench-MIG-1_2.lock"]


def test_a_device_that_cannot_be_locked_has_a_reason(place: Path) -> None:
    locks = DeviceLocks("run")
    place.mkdir(mode=0o700)
    os.mkfifo(place / "trtbench-gpu-0.lock")
    assert locks.take(["gpu-0", "gpu-1"]) is None
    assert list(locks.held) == ["gpu-1"]
    assert locks.problems == {"gpu-0": f"{place}/trtbench-gpu-0.lock: it is not a regular file; remove it"}
