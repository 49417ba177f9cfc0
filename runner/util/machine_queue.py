"""First come, first served, between all users of this machine: a locked file for each process that waits.

A ticket counts only while its process holds the lock of its file, so nothing that a killed process left, or
that another user merely wrote, delays the queue.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PREFIX = "trtbench-queue-"
_CONTENT_BYTES = 1 << 14
_HOLDER_CHARACTERS = 200

# O_NONBLOCK: a pipe in place of a ticket must not block. O_NOFOLLOW: a link must not lead elsewhere.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Ahead(NamedTuple):
    """Someone who came earlier and wants the same."""

    resource: str
    holder: str
    """the name that it gave"""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue; the kernel gives it up when the process ends."""

    path: Path
    file: int
    wanted: frozenset[str]

    def ahead(self) -> Ahead | None:
        """Return who is to be served before this ticket; None: no process."""
        try:
            names = sorted(os.listdir(self.path.parent))
        except OSError:
            return None
        for name in names:
            if name.startswith(PREFIX) and name < self.path.name:
                holder, *resources = _read_live(self.path.with_name(name)) or ("",)
                if common := self.wanted.intersection(resources):
                    return Ahead(min(common), holder[:_HOLDER_CHARACTERS])
        return None

    def leave(self) -> None:
        """Give up the place."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        os.close(self.file)


def join(directory: Path, holder: str, wanted: Collection[str]) -> Ticket:
    """Take the last place in the queue.

    Args:
        directory: what `machine_lock.find_directory` returned.
        holder: who waits, shown to those that come later; one line.
        wanted: names of all resources that are taken at once; one line each.

    Raises:
        OSError: the directory cannot be written.
    """
    # CLOCK_MONOTONIC is the same for all processes, so the names sort by arrival.
    path = directory / f"{PREFIX}{time.monotonic_ns():020d}-{os.getpid()}"
    hidden = path.with_name(f".{path.name}")
    with contextlib.ExitStack() as unless_joined:
        file = os.open(hidden, _CREATE, 0o644)
        unless_joined.callback(os.close, file)
        unless_joined.callback(hidden.unlink, missing_ok=True)
        os.fchmod(file, 0o644)  # the umask may have removed what other users need
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(file, "\n".join((holder, *wanted)).encode())
        os.rename(hidden, path)  # a process that sees it also sees that it is locked
        unless_joined.pop_all()
    return Ticket(path, file, frozenset(wanted))


def _read_live(path: Path) -> list[str] | None:
    """Return the lines of a ticket; None: its process has ended. Such a ticket is removed."""
    try:
        file = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(file, _CONTENT_BYTES, 0).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    else:
        with contextlib.suppress(OSError):  # it belongs to another user
            os.unlink(path)
        return None
    finally:
        os.close(file)
