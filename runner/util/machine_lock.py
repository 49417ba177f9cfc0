"""Locks between all users of this machine: a locked file for each, in a directory that all can write.

Any user may have put something in place of such a file: a link, a pipe, a file that only they can read. So
this process writes only to files that it has just created itself; it opens others only to lock them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from runner.util import processes

PLACES = ("/run/lock", "/tmp", "/dev/shm")
"""Directories that may hold the locks. All users find the same first safe one."""
_TRIES = 20
_PAUSE_S = 0.01
_HOLDER_BYTES = 300
_HOLDER = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,200}) (?P<pid>\d{1,10}) (?P<start>\d{1,20})\n")

# O_NONBLOCK: a pipe in place of the file must not block. O_NOFOLLOW: a link must not lead elsewhere.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LockError(Exception):
    """There is no lock that this process could take or wait for; the message says why."""


class Busy(NamedTuple):
    """Another process has the lock."""

    holder: str
    """the name that it gave, else `process PID of user UID`; empty: unknown"""


class Holder(NamedTuple):
    """Who holds a lock."""

    name: str
    """the name that it gave; empty: unknown"""
    pid: int
    """its process"""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that this process holds; the kernel releases it when the process ends."""

    path: Path
    file: int
    is_own: bool
    """this process has created the file"""

    def release(self) -> None:
        """Release the lock, and remove its file if this process has created it."""
        if self.is_own and self._is_current():
            _remove(self.path)
        os.close(self.file)

    def _acquire(self, holder: str) -> Busy | None:
        """Lock the file.

        Returns:
            Who has it; None: this process, if the file `_is_current`.

        Raises:
            LockError: it is not a regular file.
            OSError: its file system has no locks.
        """
        if not stat.S_ISREG(os.fstat(self.file).st_mode):
            raise LockError(f"{self.path}: it is not a regular file; remove it")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Busy(_holder(self.file))
        if self.is_own:
            _write_holder(self.file, holder)
        elif self._is_current():
            # A killed holder left it. It must not be written, only replaced: the next try creates a new one.
            # A file of another user that cannot be removed serves as well, but does not name this holder.
            _remove(self.path)
        return None

    def _is_current(self) -> bool:
        """Check whether the path leads to the file that was opened, not to one that replaced it."""
        try:
            return os.path.samestat(os.fstat(self.file), os.lstat(self.path))
        except OSError:
            return False


def find_directory(override: str | None) -> Path:
    """Return the directory of the locks, the same for every user of this machine.

    Args:
        override: a directory that the user has chosen instead; it is created if it does not exist.

    Raises:
        LockError: no directory is safe: one whose files only their owners can replace.
    """
    if override is not None and os.path.isabs(override):
        with contextlib.suppress(OSError):  # the check below reports it
            os.makedirs(override)
            os.chmod(override, 0o1777)
    if problem := directory_problem(override):
        raise LockError(problem)
    if override is not None:
        return Path(override)
    return next(Path(place) for place in PLACES if not _problem(Path(place), shared=True))


def directory_problem(override: str | None) -> str:
    """Return why there is no safe directory for locks, given as for `find_directory`; empty: there is one."""
    if override is None:
        if any(not _problem(Path(place), shared=True) for place in PLACES):
            return ""
        return f"none of {', '.join(PLACES)} is a directory of root with mode 1777"
    if not os.path.isabs(override):
        return f"{override} is not an absolute path"
    return _problem(Path(override), shared=False)


def _problem(path: Path, *, shared: bool) -> str:
    """Return why locks in a directory are not safe; empty: they are.

    Args:
        path: the directory.
        shared: every user must be able to take part, so it must belong to root.
    """
    try:
        found = path.stat()
        read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError as error:
        return f"{path}: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{path} is not a directory"
    if found.st_uid not in ((0,) if shared else (0, os.geteuid())):
        return f"{path} belongs to another user"
    if read_only:
        return f"{path} is read-only"
    # Without the sticky bit, every user who can write the directory can replace the lock of another user.
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        return f"{path} can be changed by other users (chmod +t)"
    if shared and found.st_mode & 0o1777 != 0o1777:
        return f"{path} cannot be written by every user"
    return ""


def take(directory: Path, name: str, holder: str) -> Lock | Busy:
    """Try to take a lock; never waits for its holder.

    Args:
        directory: what `find_directory` returned.
        name: the name of the file.
        holder: the name of the new holder, shown to those that wait.

    Raises:
        LockError: the file is no regular file, or cannot be opened or created.
    """
    path = directory / name
    problem = ""
    for _ in range(_TRIES):
        try:
            file, is_own = _open(path)
        except FileExistsError:
            continue  # another process created it first
        except PermissionError as error:
            problem = str(error.strerror)
            time.sleep(_PAUSE_S)  # its creator may be about to make it readable
            continue
        except OSError as error:
            problem = "it is a link; remove it" if error.errno == errno.ELOOP else str(error.strerror)
            break
        lock = Lock(path, file, is_own)
        with contextlib.ExitStack() as unless_taken:
            unless_taken.callback(os.close, file)
            try:
                busy = lock._acquire(holder)
            except OSError as error:
                problem = str(error.strerror)
                break
            if busy is not None:
                return busy
            if lock._is_current():
                unless_taken.pop_all()
                return lock
    if not problem:
        return Busy("")  # other processes take and release it all the time
    raise LockError(f"{path}: {problem}")


def _open(path: Path) -> tuple[int, bool]:
    """Open the file of a lock, or create it; return it and whether this process has created it.

    Raises:
        OSError: it cannot be opened or created.
    """
    try:
        return os.open(path, _OPEN), False
    except FileNotFoundError:
        file = os.open(path, _CREATE, 0o644)
    with contextlib.suppress(OSError):
        os.fchmod(file, 0o644)  # the umask may have removed what other users need
    return file, True


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _write_holder(file: int, holder: str) -> None:
    pid = os.getpid()
    with contextlib.suppress(OSError):  # a full disk; the lock is held all the same
        os.pwrite(file, f"{holder} {pid} {processes.start_time(pid) or 0}\n".encode(), 0)


def find_holder(directory: Path, name: str) -> Holder | None:
    """Return who holds a lock, without taking it; None: no process that this one can see.

    Args:
        directory: what `find_directory` returned.
        name: the name of the file.
    """
    try:
        file = os.open(directory / name, _OPEN)
    except OSError:
        return None
    try:
        return _find_holder(file)
    finally:
        os.close(file)


def _holder(file: int) -> str:
    """Return who holds a lock, as `Busy` has it."""
    found = _find_holder(file)
    if found is None:
        return ""
    if found.name:
        return found.name
    try:
        return f"process {found.pid} of user {os.stat(f'/proc/{found.pid}').st_uid}"
    except OSError:
        return ""


def _find_holder(file: int) -> Holder | None:
    """The content counts only while the process that wrote it is alive: a killed holder leaves its name."""
    try:
        content = os.pread(file, _HOLDER_BYTES, 0).decode("ascii", "replace")
    except OSError:
        return None
    found = _HOLDER.fullmatch(content)
    if found is not None and processes.start_time(int(found["pid"])) == int(found["start"]):
        return Holder(found["name"], int(found["pid"]))
    pid = _locking_process(file)
    return Holder("", pid) if pid else None


def _locking_process(file: int) -> int:
    """Return the process that the kernel names as holder of a lock on a file; 0: it names none."""
    found = os.fstat(file)
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    for words in map(str.split, lines):
        # 1: FLOCK ADVISORY WRITE <pid> <device> 0 EOF; a process that waits has "->" after the number
        if len(words) == 8 and words[1] == "FLOCK" and words[5] == device and words[4].isdigit():
            return int(words[4])
    return 0
