"""Locks of devices that only one run at a time may use; the supervisor holds one lock file for each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from runner.util import machine_lock, machine_queue, paths, processes
from runner.util.formatting import duration
from runner.util.machine_lock import Busy, Lock, LockError
from runner.util.machine_queue import Ticket

_PREFIX, _SUFFIX = "trtbench-", ".lock"
"""of the names of lock files"""


class Occupied(NamedTuple):
    """A device that a run cannot have yet."""

    device: str
    holder: str
    """a run, or as `machine_lock.Busy` names the process; empty: unknown"""
    waits: bool = False
    """the holder waits for the device as well, and came earlier"""


@dataclass(frozen=True, slots=True)
class DeviceHolder:
    """Who holds a device: a run, or a process that took its lock."""

    device: str
    run: str
    """empty: unknown"""
    pid: int
    user: str
    """empty: unknown"""
    seconds: float | None
    """how long the process has existed; None: unknown"""

    def __str__(self) -> str:
        """Return `cpu is in use by run 2026-...-1f3a (alice) for 12:04`."""
        holder = f"run {self.run}" if self.run else f"process {self.pid}"
        user = f" ({self.user})" if self.user else ""
        since = f" for {duration(self.seconds)}" if self.seconds is not None else ""
        return f"{self.device} is in use by {holder}{user}{since}"


def find_holders(devices: Sequence[str]) -> list[DeviceHolder]:
    """Return who holds devices now, without taking a lock; a holder in another container may be missed."""
    try:
        directory = machine_lock.find_directory(paths.device_locks_override())
    except LockError:
        return []
    found = []
    for device in sorted(set(devices)):
        holder = machine_lock.find_holder(directory, lock_file_name(device))
        if holder is not None:
            user, age = processes.owner_name(holder.pid), processes.age_s(holder.pid)
            found.append(DeviceHolder(device, holder.name, holder.pid, user, age))
    return found


def find_all_holders() -> list[DeviceHolder]:
    """Return who holds any device of this machine now, of all users, without taking a lock."""
    try:
        names = os.listdir(machine_lock.find_directory(paths.device_locks_override()))
    except (LockError, OSError):
        return []
    files = (name for name in names if name.startswith(_PREFIX) and name.endswith(_SUFFIX))
    return find_holders([name.removeprefix(_PREFIX).removesuffix(_SUFFIX) for name in files])


def device_user(device: str) -> str:
    """Return the user of the process that holds a device now; empty: unknown."""
    return next((holder.user for holder in find_holders([device])), "")


@dataclass(slots=True)
class DeviceLocks:
    """The device locks of a run. The kernel releases them when the process ends."""

    run: str
    held: dict[str, Lock] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    """device -> why it has no lock; it can then be used by several runs at once"""
    _ticket: Ticket | None = None
    """the place in the queue while the run waits"""

    def take(self, devices: list[str]) -> Occupied | None:
        """Lock all devices or none. A device that cannot be locked is left out and added to `problems`.

        The run that asked first is served first, also before a run that needs fewer of the same devices.

        Returns:
            None if all are locked now, else the first device that is busy or for which another run waits.
        """
        # All runs use the same order, so that two runs cannot wait for each other.
        wanted = {
            lock_file_name(device): device for device in sorted(set(devices)) if device not in self.held
        }
        if not wanted:
            return None
        self._ticket = self._ticket or self._join(wanted)
        ahead = self._ticket.ahead() if self._ticket is not None else None
        if ahead is not None:
            return Occupied(wanted[ahead.resource], ahead.holder, waits=True)
        for name, device in wanted.items():
            try:
                directory = machine_lock.find_directory(paths.device_locks_override())
                lock = machine_lock.take(directory, name, self.run)
            except LockError as problem:
                self.problems[device] = str(problem)
                continue
            self.problems.pop(device, None)
            if isinstance(lock, Busy):
                self._release_locks()
                return Occupied(device, lock.holder)
            self.held[device] = lock
        self._leave()
        return None

    def release(self) -> None:
        """Release all locks, and the place in the queue."""
        self._release_locks()
        self._leave()

    def _join(self, wanted: dict[str, str]) -> Ticket | None:
        """Take a place in the queue; None: there can be no queue here, only locks."""
        with contextlib.suppress(LockError, OSError):
            directory = machine_lock.find_directory(paths.device_locks_override())
            return machine_queue.join(directory, self.run, wanted)
        return None

    def _leave(self) -> None:
        if self._ticket is not None:
            self._ticket.leave()
            self._ticket = None

    def _release_locks(self) -> None:
        for lock in self.held.values():
            lock.release()
        self.held.clear()


def lock_file_name(device: str) -> str:
    """Return the name of the lock file of a device.

    Inside an allocation of Slurm the allocation is the lock: other jobs have other devices, even where they
    have the same numbers, so only runs of the same job take turns.
    """
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in device)
    job = os.environ.get("SLURM_JOB_ID", "")
    return f"{_PREFIX}job{job}-{safe}{_SUFFIX}" if job.isdecimal() else f"{_PREFIX}{safe}{_SUFFIX}"
