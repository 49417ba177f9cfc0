"""Bring the files of a run to the disk every few seconds: a power cut loses no more than the last of them.

A rank never waits for a disk: its file is opened and flushed from this process. That happens in a thread,
because a disk that takes a new engine can be busy for longer than the log may wait.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PERIOD_S = 5.0
"""Time from the start of one pass to the next; a pass that takes longer delays it."""

_Version = tuple[int, int, int]
"""inode, size and time of the last change"""


@dataclass(slots=True)
class DiskSync:
    """Flushes what has changed in a run directory since the last pass."""

    run_dir: Path
    _synced: dict[str, _Version] = field(default_factory=dict)
    _next: float = 0.0
    _thread: threading.Thread | None = None

    def start_if_due(self, now: float) -> None:
        """Start a pass if it is time (monotonic, s) and the last one has ended."""
        if now < self._next or (self._thread is not None and self._thread.is_alive()):
            return
        self._next = now + PERIOD_S
        self._thread = threading.Thread(target=self.sync, name="disk sync", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Flush everything, and return when it is on the disk."""
        if self._thread is not None:
            self._thread.join()
        self.sync()

    def sync(self) -> None:
        """Flush the files that have changed, then the directories that have; skip what cannot be opened."""
        for path in (*self._paths(), str(self.run_dir.parent)):
            with contextlib.suppress(OSError):
                self._sync_one(path)

    def _paths(self) -> Iterator[str]:
        """Yield all files and folders of the run, each folder after its content."""
        for folder, _, names in os.walk(self.run_dir, topdown=False):
            yield from (os.path.join(folder, name) for name in names)
            yield folder

    def _sync_one(self, path: str) -> None:
        # O_NONBLOCK: a pipe that a program made must not block.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(file)
            version = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self._synced.get(path) == version:
                return
            if stat.S_ISREG(status.st_mode):
                os.fdatasync(file)
            elif stat.S_ISDIR(status.st_mode):
                os.fsync(file)
            self._synced[path] = version
        finally:
            os.close(file)
