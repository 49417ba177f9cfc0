"""Locks on devices."""

from __future__ import annotations

from runner import paths
from runner.supervision.device_locks import DeviceLocks


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


def test_every_user_of_the_machine_can_take_part() -> None:
    DeviceLocks("run").take(["MIG-1/2"])
    lock = paths.device_locks_dir() / "MIG-1_2.lock"
    assert lock.stat().st_mode & 0o777 == 0o666
    assert lock.parent.stat().st_mode & 0o1777 == 0o1777
