"""Locks on devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.run.device_locks import DeviceLocks, Occupied, find_holders
from runner.util import machine_queue


@pytest.fixture
def place() -> Path:
    return Path(os.environ["TRTBENCH_LOCKS"])


def test_a_device_serves_one_run_at_a_time() -> None:
    first, second = DeviceLocks("first"), DeviceLocks("second")
    assert first.take(["gpu-0", "gpu-1"]) is None
    assert second.take(["gpu-1", "gpu-2"]) == Occupied("gpu-1", "first")
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


def test_the_queue_is_first_come_first_served(place: Path) -> None:
    runs = {name: DeviceLocks(name) for name in ("holder", "both", "other", "late")}
    assert runs["holder"].take(["gpu-0"]) is None
    assert runs["both"].take(["gpu-0", "gpu-1"]) == Occupied("gpu-0", "holder")
    assert runs["other"].take(["gpu-2"]) is None, "no one waits for it"
    assert runs["late"].take(["gpu-1"]) == Occupied("gpu-1", "both", waits=True), "free, but promised"
    runs["holder"].release()
    assert runs["late"].take(["gpu-1"]) == Occupied("gpu-1", "both", waits=True)
    assert runs["both"].take(["gpu-0", "gpu-1"]) is None
    runs["both"].release()
    assert runs["late"].take(["gpu-1"]) is None
    for locks in runs.values():
        locks.release()
    assert list(place.iterdir()) == []


def test_what_a_killed_or_hostile_process_left_does_not_count(place: Path) -> None:
    place.mkdir(mode=0o700)
    ticket = machine_queue.join(place, "killed", ["cpu"])
    os.close(ticket.file)
    os.mkfifo(place / f"{machine_queue.PREFIX}0")
    (place / f"{machine_queue.PREFIX}1").symlink_to("/dev/zero")
    assert DeviceLocks("run").take(["cpu"]) is None
    assert not ticket.path.exists()


def test_holders_are_named_without_taking_a_lock() -> None:
    assert find_holders(["cpu"]) == []
    locks = DeviceLocks("0001_quickstart")
    assert locks.take(["cpu"]) is None
    [holder] = find_holders(["cpu", "gpu-0"])
    assert (holder.device, holder.run, holder.pid) == ("cpu", "0001_quickstart", os.getpid())
    assert str(holder).startswith("cpu is in use by run 0001_quickstart (")
    locks.release()
    assert find_holders(["cpu"]) == []
