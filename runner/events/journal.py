"""`events.jsonl` on disk: the single writer, and the readers that follow it.

The writer appends complete lines and repairs lines that a crash or a full disk cut off. Readers take complete
lines only, keep their byte offset and never block.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from runner.events import AnyEvent, Event, Gap, decode_lines, encode
from runner.util.files import open_nonblocking

_GONE = (errno.ESTALE, errno.EIO, errno.ENOTCONN)
"""errors of a file whose file system is, or was, away"""
BACKLOG = 10_000
"""Events kept in memory while the disk is full; older ones are dropped and counted."""


class JournalWriter:
    """Appends events to a log; the caller holds the lock of the run, so there is only one writer."""

    def __init__(self, path: Path) -> None:
        """Open the log and remove an incomplete last line.

        Raises:
            OSError: the file cannot be opened.
        """
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._end = _end_of_last_line(self._file)
        os.ftruncate(self._file, self._end)
        self._backlog: deque[bytes] = deque()
        self._lost = 0

    def write(self, event: Event) -> None:
        """Append one event; on a full disk it is kept and written once there is space."""
        self._backlog.append(encode(event))
        self.flush()
        while len(self._backlog) > BACKLOG:
            self._backlog.popleft()
            self._lost += 1

    def append_all(self, events: Iterable[Event]) -> bool:
        """Append events, all or none; return whether they are written."""
        return self._append(b"".join(map(encode, events)))

    def flush(self) -> bool:
        """Write events that a full disk delayed; return whether all are written."""
        if self._lost and self._backlog and self._append(self._gap()):
            self._lost = 0
        while self._backlog:
            if not self._append(self._backlog[0]):
                return False
            self._backlog.popleft()
        return True

    def sync(self) -> None:
        """Make the log durable across a power cut; for changes of state, not for iterations."""
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)

    def _gap(self) -> bytes:
        return encode(
            Gap(t=time.monotonic_ns(), lost=self._lost, reason="the disk of the run directory was full")
        )

    def _reopen(self) -> None:
        """Open the log again: when a network file system was away, the open file may be useless."""
        with contextlib.suppress(OSError):
            file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            end = _end_of_last_line(file)
            os.ftruncate(file, end)
            self._file, old = file, self._file
            self._end = end
            os.close(old)

    def _append(self, line: bytes) -> bool:
        try:
            append_line(self._file, line, self._end)
        except OSError as error:
            if error.errno in _GONE:
                self._reopen()
            return False
        self._end += len(line)
        return True


def append_line(file: int, line: bytes, end: int) -> None:
    """Append to a log, completely or not at all; the caller must be the only writer.

    Args:
        file: open for appending.
        line: what to append.
        end: size of the file.

    Raises:
        OSError: the disk is full or gone.
    """
    if os.write(file, line) < len(line):
        # A short write means a full disk: remove the incomplete line again.
        os.ftruncate(file, end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _end_of_last_line(file: int) -> int:
    """Return the offset after the last newline of an open file."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - 65536)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


PENDING = 1 << 10
"""Bytes of an unfinished line that `pending` returns."""


class LineReader:
    """Follows a growing file from an offset and returns complete lines.

    The file may not exist yet, may be deleted, and may become shorter; each case gives no new lines, and
    `gone` and `shrunk` distinguish it from a file that does not grow.
    """

    def __init__(self, path: Path, *, limit: int = 1 << 20) -> None:
        self.path = path
        self.limit = limit
        self.offset = 0
        self.size = 0
        self.gone = False
        self.shrunk = False

    def read(self) -> bytes:
        """Return complete lines since the last call, at most about `limit` bytes.

        A line longer than `limit` is returned in pieces, so memory stays bounded for any output.
        """
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self.gone = self.offset > 0
            return b""
        try:
            self.gone = False
            self.size = os.fstat(file).st_size
            self.shrunk = self.size < self.offset
            if self.size <= self.offset:
                return b""
            chunk = os.pread(file, self.limit, self.offset)
        except OSError:
            return b""
        finally:
            os.close(file)
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            if len(chunk) < self.limit:
                return b""
            end = len(chunk)
        self.offset += end
        return chunk[:end]

    def pending(self) -> bytes:
        """Return the end of the text after the last complete line, without consuming it."""
        if self.size <= self.offset:
            return b""
        try:
            with open(self.path, "rb", opener=open_nonblocking) as file:
                file.seek(max(self.offset, self.size - PENDING))
                return file.read(PENDING)
        except OSError:
            return b""

    def rest(self) -> bytes:
        """Return the text after the last complete line; for a file that is complete."""
        try:
            with open(self.path, "rb", opener=open_nonblocking) as file:
                file.seek(self.offset)
                rest = file.read(self.limit)
        except OSError:
            return b""
        self.offset += len(rest)
        return rest


PIECE = 1 << 14
"""Bytes of a log decoded at a time: their events are folded while in the processor's cache."""


class EventReader:
    """Follows the event log of a run."""

    def __init__(self, path: Path, *, limit: int = 1 << 18) -> None:
        self.lines = LineReader(path, limit=limit)
        self.truncated = False
        """the log became shorter at some time; reading continued at its new end"""
        self._chunk = b""
        self._taken = 0

    def read(self) -> list[AnyEvent]:
        """Return events since the last call; at most a few hundred, so call until it is empty."""
        while piece := self._piece():
            if events := decode_lines(piece):
                return events  # a piece without a known event is skipped
        return []

    @property
    def progress(self) -> float:
        """The share of the log that was read, 0 to 1."""
        waiting = len(self._chunk) - self._taken
        return (self.lines.offset - waiting) / self.lines.size if self.lines.size else 1.0

    def _piece(self) -> bytes:
        """Return the next few complete lines."""
        if self._taken == len(self._chunk):
            self._chunk, self._taken = self.lines.read(), 0
            if self.lines.shrunk:
                self.truncated, self.lines.offset = True, self.lines.size
        start = self._taken
        self._taken = self._chunk.find(b"\n", start + PIECE) + 1 or len(self._chunk)
        return self._chunk[start : self._taken]
