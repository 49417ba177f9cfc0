"""The copy of a run or a sweep of another machine: a directory that every reader takes as an original.

Its place, below `paths.fleet_dir()`, makes it read-only: nothing is signalled, recovered or finished because
of it (`runner.run.liveness`). What arrives is not trusted: only files of a run or a sweep, bounded in size,
in the order of their offsets.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from runner.fleet.run_source import SENT_WHOLE, is_growing
from runner.fleet.wire import (
    CaughtUp,
    FileNews,
    Follow,
    Piece,
    Place,
    Restart,
    Stamp,
    SweepState,
    Whole,
    WireError,
    sweep_of_key,
)
from runner.run import layout
from runner.run.liveness import MIRROR_PLACE, MIRROR_PROBLEM
from runner.sweep.directory import LOG, SPEC
from runner.sweep.sweep_files import COPIES, STATE, SweepNow, report_name
from runner.util import paths
from runner.util.bounds import LAST_WALL
from runner.util.disk import free_bytes
from runner.util.files import FILE_MODE, make_folders, read_file, write_atomically, write_new

PROGRESS = ".mirror.json"
"""how far the copy has come, next to its files"""
MOST_EVENTS = 16 << 30
"""bytes of the log of a run or a sweep"""
MOST_LOG = 256 << 20
"""bytes of the output of a stage"""
MOST_FILES = 100
"""of a run that grow"""
MOST_REPORTS = 10_000
"""of the runs of a sweep"""
MIN_FREE = 256 << 20
"""bytes that stay free on the disk"""
UNUSED_S = 30 * 86400.0
"""a copy that no program used in this time is removed"""


class Progress(msgspec.Struct):
    """What was copied; written after the files, which are cut to it when a copy is continued."""

    at: dict[str, int] = msgspec.field(default_factory=dict)
    """offset in the original, of each growing file"""
    sizes: dict[str, int] = msgspec.field(default_factory=dict)
    """bytes of its copy, which has no secrets and so may be shorter or longer"""
    have: dict[str, Stamp] = msgspec.field(default_factory=dict)
    """versions of the other files"""
    complete: bool = False
    """the copy has had everything since a program copies it; of an ended run, at any time"""


class DiskFullError(Exception):
    """There is no room for the copy; one sentence."""


def mirror_dir(host: str, run: str) -> Path:
    """Return the directory of the copy of a run.

    Args:
        host: the name of the host as the user writes it; any text.
        run: the id of the run, as the other side states it.

    Raises:
        WireError: it is not the id of a run.
    """
    if not layout.RUN_ID.fullmatch(run):
        raise WireError(f"{run[:80]!r} is not the id of a run")
    return paths.fleet_dir() / folder_of(host) / run


def sweep_mirror_dir(host: str, sweep: str) -> Path:
    """Return the directory of the copy of a sweep; the arguments and errors are those of `mirror_dir`."""
    if not layout.RUN_ID.fullmatch(sweep):
        raise WireError(f"{sweep[:80]!r} is not the id of a sweep")
    return paths.fleet_dir() / f"{folder_of(host)}{COPIES}" / sweep


def folder_of(host: str) -> str:
    """Return the name of the directory of a host: readable, and different for each host."""
    digest = hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', host)[:40].lstrip('.')}-{digest}"


class Mirror:
    """Writes the copy; of several processes that want to, one does, and the others read what it writes."""

    def __init__(self, host: str, run: str) -> None:
        """Make the directory and continue the copy in it.

        Args:
            host: the name of the host as the user writes it.
            run: the id of a run, or `sweep_key` of a sweep.

        Raises:
            OSError: the directory cannot be made.
            WireError: `run` is neither.
        """
        self.run = run
        self._sweep = sweep_of_key(run)
        self.run_dir = sweep_mirror_dir(host, self._sweep) if self._sweep else mirror_dir(host, run)
        make_folders(self.run_dir)
        self.problem = ""
        """why the other side does not send the run any more; empty: it does"""
        self.progress = Progress()
        self._lock: int | None = None
        self._unsaved = False
        self.take_over()

    @property
    def is_writer(self) -> bool:
        return self._lock is not None

    def take_over(self) -> bool:
        """Try to become the writer; continue where the files are."""
        if self._lock is None:
            self._lock = layout.try_lock(self.run_dir)
            self.progress = self._read_progress()
            if self._lock is not None:
                os.utime(self.run_dir)  # it is in use: `remove_unused` leaves it
                self._cut_files()
                # What continued there meanwhile is not here yet.
                self.progress.complete, self._unsaved = self.is_over(), True
        return self._lock is not None

    def close(self) -> None:
        self.save()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def request(self) -> Follow:
        """Return the request for what is missing."""
        return Follow(self.run, dict(self.progress.at), dict(self.progress.have), place=True)

    def is_complete(self) -> bool:
        """Check whether the copy has had everything that was written, also if another process copies it."""
        if not self.is_writer:
            self.progress = self._read_progress()
        return self.progress.complete

    def has_plan(self) -> bool:
        """Check whether the copy is a run or a sweep for its readers."""
        return (self.run_dir / (SPEC if self._sweep else layout.PLAN)).is_file()

    def is_over(self) -> bool:
        """Check whether a run has ended and its copy has everything: nothing more arrives."""
        return not self._sweep and self.progress.complete and layout.REPORT in self.progress.have

    def apply(self, message: FileNews) -> None:
        """Write what arrived.

        Raises:
            WireError: it does not continue the copy, or is too large.
            OSError: it cannot be written.
            DiskFullError: the disk has too little room.
        """
        self._unsaved = True
        match message:
            case Piece():
                self._append(message)
            case Whole():
                self._write(message)
            case Place():
                write_atomically(self.run_dir / MIRROR_PLACE, msgspec.json.encode(message.queued))
            case SweepState():
                ahead_s = message.wall - time.time() if 0 <= message.wall <= LAST_WALL else 0.0
                now = SweepNow(message.running, message.waiting, ahead_s)
                write_atomically(self.run_dir / STATE, msgspec.json.encode(now))
            case Restart():
                self._restart(message.name)
            case CaughtUp():
                self.progress.complete = True

    def save(self) -> None:
        """Record how far the copy has come; after a crash it continues there."""
        if not self._unsaved or self._lock is None:
            return
        self._unsaved = False
        # Without bringing it to the disk: after a power cut a copy is made again.
        temporary = self.run_dir / f"{PROGRESS}.new"
        temporary.write_bytes(msgspec.json.encode(self.progress))
        os.replace(temporary, self.run_dir / PROGRESS)

    def set_problem(self, reason: str) -> None:
        """Tell readers of the copy why nothing new arrives; empty: news arrive again."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            if reason:
                (self.run_dir / MIRROR_PROBLEM).write_text(reason)
            else:
                (self.run_dir / MIRROR_PROBLEM).unlink(missing_ok=True)

    def stop_request(self) -> str | None:
        """Return who asked for a stop in a program that reads the copy; None: no program did."""
        return layout.read_stop_request(self.run_dir)

    def forget_stop_request(self) -> None:
        with contextlib.suppress(OSError):
            (self.run_dir / layout.STOP).unlink()

    # --- files ------------------------------------------------------------------------------------------

    def _read_progress(self) -> Progress:
        try:
            return msgspec.json.decode(read_file(self.run_dir / PROGRESS), type=Progress)
        except (OSError, *layout.UNREADABLE):
            return Progress()

    def _cut_files(self) -> None:
        """Remove what was written after the last `save`; forget files that are not as they were left."""
        found = self.progress
        for name in list(found.at):
            path, size = self.run_dir / name, found.sizes.get(name, 0)
            if not self._grows(name) or not path.is_file() or path.stat().st_size < size:
                del found.at[name]
                found.sizes.pop(name, None)
                size = 0
            if self._grows(name) and path.is_file():
                os.truncate(path, size)
        for name in os.listdir(self.run_dir):
            if name not in found.at and self._grows(name):
                (self.run_dir / name).unlink(missing_ok=True)
        found.have = {name: stamp for name, stamp in found.have.items() if (self.run_dir / name).is_file()}

    def _grows(self, name: str) -> bool:
        """Check for the name of a file that arrives in pieces."""
        return name == LOG if self._sweep else is_growing(name)

    def _is_whole(self, name: str) -> bool:
        """Check for the name of a file that arrives at once."""
        if not self._sweep:
            return name in SENT_WHOLE
        run = name.removesuffix(".json")
        return name == SPEC or (layout.RUN_ID.fullmatch(run) is not None and name == report_name(run))

    def _append(self, piece: Piece) -> None:
        if not self._grows(piece.name):
            raise WireError(f"{piece.name[:80]!r} is not a file of a run that grows")
        at, size = self.progress.at.get(piece.name, 0), self.progress.sizes.get(piece.name, 0)
        is_log = piece.name not in (layout.EVENTS, LOG)
        if piece.start < at or piece.end <= piece.start or (piece.start > at and not is_log):
            raise WireError(f"{piece.name}: bytes {piece.start} to {piece.end} do not follow {at}")
        if size == 0:
            self._check_count(piece.name)
        data = piece.data
        if piece.start > at:
            data = b"[trtbench] %d bytes before this line were not copied\n" % (piece.start - at) + data
        if size + len(data) > (MOST_LOG if is_log else MOST_EVENTS):
            if not is_log:
                raise DiskFullError(f"the log of the run is larger than {MOST_EVENTS >> 30} GiB")
            data = b""
        self._check_room(len(data))
        file = os.open(self.run_dir / piece.name, _APPEND, FILE_MODE)
        try:
            if os.write(file, data) < len(data):
                os.ftruncate(file, size)
                raise DiskFullError("the disk of the copies is full")
        finally:
            os.close(file)
        self.progress.at[piece.name] = piece.end
        self.progress.sizes[piece.name] = size + len(data)

    def _write(self, whole: Whole) -> None:
        if not self._is_whole(whole.name):
            raise WireError(f"{whole.name[:80]!r} is not a file of a run")
        if whole.name not in self.progress.have and len(self.progress.have) > MOST_REPORTS:
            raise WireError(f"more than {MOST_REPORTS} reports of runs; no sweep has that many")
        self._check_room(len(whole.data))
        temporary = self.run_dir / f".{whole.name}.new"
        temporary.unlink(missing_ok=True)
        write_new(temporary, whole.data)
        os.replace(temporary, self.run_dir / whole.name)
        self.progress.have[whole.name] = whole.stamp

    def _restart(self, name: str) -> None:
        if not self._grows(name):
            raise WireError(f"{name[:80]!r} is not a file of a run that grows")
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.run_dir / name, 0)
        self.progress.at[name] = self.progress.sizes[name] = 0

    def _check_count(self, name: str) -> None:
        if name not in self.progress.at and len(self.progress.at) >= MOST_FILES:
            raise WireError(f"more than {MOST_FILES} files of output; no run has that many")

    def _check_room(self, size: int) -> None:
        free = free_bytes(self.run_dir)
        if free is not None and free - size < MIN_FREE:
            raise DiskFullError(f"{paths.fleet_dir()} is on a disk with {free >> 20} MiB free")


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_unused(now: Callable[[], float] = time.time) -> None:
    """Remove copies that no program has used in `UNUSED_S`; one that a process writes stays."""
    for run_dir in paths.fleet_dir().glob("*/*"):
        with contextlib.suppress(OSError):
            if now() - run_dir.stat().st_mtime < UNUSED_S:
                continue
            lock = layout.try_lock(run_dir)
            if lock is not None:
                shutil.rmtree(run_dir, ignore_errors=True)
                os.close(lock)
