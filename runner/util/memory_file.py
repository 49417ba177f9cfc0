"""A file in memory that two processes share: no name on a disk remains, however the processes end."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KEEP_SIZE_PUNCH_HOLE = 0x03
"""FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE of <linux/falloc.h>"""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """A file that exists while a process has it open."""

    file: int

    @property
    def path(self) -> Path:
        """The path by which other processes of this user can open the file, also for appending."""
        return Path(f"/proc/{os.getpid()}/fd/{self.file}")

    def forget(self, end: int) -> None:
        """Free the memory of everything before an offset; offsets and the size stay as they are."""
        _libc.fallocate(self.file, _KEEP_SIZE_PUNCH_HOLE, ctypes.c_int64(0), ctypes.c_int64(end))


@contextlib.contextmanager
def memory_file(name: str) -> Iterator[MemoryFile]:
    """Create a file in memory; `name` is shown in /proc only."""
    file = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield MemoryFile(file)
    finally:
        os.close(file)
