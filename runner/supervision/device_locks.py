"""Locks of devices that only one run at a time may use; the supervisor holds one lock file for each."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from runner import paths


@dataclass(slots=True)
class DeviceLocks:
    """The device locks of a run. The kernel releases them when the process ends."""

    run: str
    held: dict[str, int] = field(default_factory=dict)

    def take(self, devices: list[str]) -> tuple[str, str] | None:
        """Lock all devices or none.

        Returns:
            None if all are locked now, else the first busy device and the run that holds it.
        """
        # All runs use the same order, so that two runs cannot wait for each other.
        for device in sorted(set(devices)):
            if device in self.held:
                continue
            file = _open(device)
            if file is None:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(file, 200, 0).decode(errors="replace").strip()
                os.close(file)
                self.release()
                return device, holder or "another run"
            _write_holder(file, self.run)
            self.held[device] = file
        return None

    def release(self) -> None:
        """Release all locks."""
        for file in self.held.values():
            with contextlib.suppress(OSError):
                os.ftruncate(file, 0)
            os.close(file)
        self.held.clear()


def _open(device: str) -> int | None:
    """Open the lock file of a device, usable by every user of the machine; None if that is impossible."""
    directory = paths.device_locks_dir()
    path = directory / f"{_file_name(device)}.lock"
    try:
        _make_shared(directory)
        try:
            return os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            with contextlib.suppress(OSError):
                os.fchmod(file, 0o666)  # the umask removed some permissions
            return file
    except OSError:
        return None


def _make_shared(directory: Path) -> None:
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o1777)


def _file_name(device: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in device)


def _write_holder(file: int, run: str) -> None:
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, run.encode(), 0)
