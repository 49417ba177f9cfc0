"""Locks of devices that only one run at a time may use; the supervisor holds one lock file for each."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner import paths
from runner.util import machine_lock
from runner.util.machine_lock import Busy, Lock, LockError


@dataclass(slots=True)
class DeviceLocks:
    """The device locks of a run. The kernel releases them when the process ends."""

    run: str
    held: dict[str, Lock] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    """device -> why it has no lock; it can then be used by several runs at once"""

    def take(self, devices: list[str]) -> tuple[str, str] | None:
        """Lock all devices or none. A device that cannot be locked is left out and added to `problems`.

        Returns:
            None if all are locked now, else the first busy device and who holds it: a run, or as
            `machine_lock.Busy` names the process; empty: unknown.
        """
        # All runs use the same order, so that two runs cannot wait for each other.
        for device in sorted(set(devices)):
            if device in self.held:
                continue
            try:
                directory = machine_lock.find_directory(paths.device_locks_override())
                lock = machine_lock.take(directory, f"trtbench-{_file_name(device)}.lock", self.run)
            except LockError as problem:
                self.problems[device] = str(problem)
                continue
            self.problems.pop(device, None)
            if isinstance(lock, Busy):
                self.release()
                return device, lock.holder
            self.held[device] = lock
        return None

    def release(self) -> None:
        """Release all locks."""
        for lock in self.held.values():
            lock.release()
        self.held.clear()


def _file_name(device: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in device)
