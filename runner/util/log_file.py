"""Read a log of any size in windows: lines before and after an offset, never the whole file."""

from __future__ import annotations

import os
import re
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

WINDOW = 1 << 16
"""bytes read at a time"""
LONGEST = 4000
"""bytes of one line that are kept"""
_LONGEST_LINE = 1 << 23
"""A longer line is read as several lines."""
_SCAN = 1 << 20
MOST_MATCHES = 1_000_000
"""Number of matches whose offsets are kept; further ones are only counted."""
HIDDEN = b"\x1e"
"""marks a record of a rank that could not write to its own file; not shown"""

Level = Literal["all", "warnings", "errors"]
_ERROR = re.compile(
    rb"\[E\]|\b(?:error|fatal|critical|traceback|failed|killed|aborted|segmentation fault)\b"
    rb"|\w(?:Error|Exception)\b",
    re.IGNORECASE,
)
_WARNING = re.compile(rb"\[W\]|\bwarn(?:ing)?\b|\wWarning\b", re.IGNORECASE)


class LogLine(msgspec.Struct, frozen=True):
    start: int
    end: int
    """offset of the next line"""
    text: bytes
    """without its newline; of a long line the beginning, or the part after the last carriage return"""


def level_of(text: bytes) -> Level:
    """Return the level of a line; `all` if it is neither a warning nor an error."""
    if _ERROR.search(text):
        return "errors"
    return "warnings" if _WARNING.search(text) else "all"


def passes(text: bytes, level: Level) -> bool:
    """Check whether a line is shown at a level; `warnings` includes errors."""
    if HIDDEN in text:
        return False
    if level == "all":
        return True
    found = level_of(text)
    return found == "errors" or found == level


class LogFile:
    """A file that may not exist yet, may grow and may be deleted; its content stays readable then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.limit: int | None = None
        """bytes from the beginning that are shown; None: the whole file"""
        self.size = 0
        self._file: int | None = None

    def refresh(self) -> bool:
        """Update the size; return whether it changed."""
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            size = os.fstat(self._file).st_size
        except OSError:
            return False
        size = size if self.limit is None else min(size, self.limit)
        grown = size != self.size
        self.size = size
        return grown

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def read(self, start: int, stop: int) -> bytes:
        stop = stop if self.limit is None else min(stop, self.limit)
        if self._file is None or stop <= start:
            return b""
        try:
            return os.pread(self._file, stop - start, start)
        except OSError:
            return b""

    def after(
        self, offset: int, count: int, keep: Callable[[bytes], bool], budget_s: float
    ) -> tuple[list[LogLine], int]:
        """Return complete lines from `offset`, the start of a line.

        Returns:
            Up to `count` lines that `keep` accepts, and the offset for the next call.
        """
        found: list[LogLine] = []
        deadline = time.monotonic() + budget_s
        while len(found) < count and offset < self.size:
            chunk = self.read(offset, offset + WINDOW)
            end = chunk.rfind(b"\n") + 1
            if not end:
                line = self._long_line(offset, chunk)
                if line is None:
                    break
                found += [line] if keep(line.text) else []
                offset = line.end
            else:
                found += _lines(chunk[:end], offset, keep)
                offset += end
            if time.monotonic() > deadline:
                break
        if len(found) > count:
            return found[:count], found[count].start
        return found, offset

    def before(
        self, offset: int, count: int, keep: Callable[[bytes], bool], budget_s: float
    ) -> tuple[list[LogLine], int]:
        """Return complete lines before `offset`, the start of a line; like `after`, in file order."""
        parts: list[list[LogLine]] = []
        number = 0
        deadline = time.monotonic() + budget_s
        size = WINDOW
        while number < count and offset > 0:
            start = max(0, offset - size)
            chunk = self.read(start, offset)
            if not chunk:
                break
            first = chunk.find(b"\n", 0, len(chunk) - 1) + 1 if start else 0
            if start and not first and size < _LONGEST_LINE:
                size *= 2  # the line is longer than the chunk
                continue
            size = WINDOW
            lines = _lines(chunk[first:], start + first, keep)
            parts.append(lines)
            number += len(lines)
            offset = start + first
            if time.monotonic() > deadline:
                break
        found = [line for part in reversed(parts) for line in part]
        if len(found) > count:
            return found[-count:], found[-count].start
        return found, offset

    def unfinished(self, offset: int) -> LogLine | None:
        """Return the text after the last newline, which is before `offset`: a progress bar."""
        chunk = self.read(max(offset, self.size - WINDOW), self.size)
        if not chunk or b"\n" in chunk or HIDDEN in chunk:
            return None
        return LogLine(offset, self.size, _kept(chunk))

    def last_line_start(self) -> int:
        """Return the start of the unfinished last line; the size if there is none."""
        start = self.size
        while start > 0:
            chunk = self.read(max(0, start - WINDOW), start)
            newline = chunk.rfind(b"\n")
            if newline >= 0 or not chunk:
                return start - len(chunk) + newline + 1
            start -= len(chunk)
            if self.size - start > _LONGEST_LINE:
                return start
        return 0

    def _long_line(self, offset: int, head: bytes) -> LogLine | None:
        """Return a line longer than a window; None if its end is not written yet."""
        place, tail = offset + len(head), head
        while place < self.size and place - offset < _LONGEST_LINE:
            chunk = self.read(place, place + WINDOW)
            if not chunk:
                return None
            newline = chunk.find(b"\n")
            if newline >= 0:
                tail = (tail + chunk[:newline])[-WINDOW:]
                return LogLine(offset, place + newline + 1, _kept(head, tail))
            place, tail = place + len(chunk), chunk
        return LogLine(offset, place, _kept(head, tail)) if place - offset >= _LONGEST_LINE else None


def _lines(chunk: bytes, offset: int, keep: Callable[[bytes], bool]) -> list[LogLine]:
    found = []
    for text in chunk.split(b"\n"):
        end = offset + len(text) + 1
        if keep(text):
            found.append(LogLine(offset, end, _kept(text)))
        offset = end
    if chunk.endswith(b"\n") and found and found[-1].start == offset - 1:
        found.pop()  # there is no text after the last newline
    return found


def _kept(head: bytes, tail: bytes = b"") -> bytes:
    """Return what a terminal would show: the text after the last carriage return, else the beginning."""
    line = (tail or head).rstrip(b"\r")
    overwritten = line.rfind(b"\r") + 1
    return (line[overwritten:] if overwritten else head.rstrip(b"\r"))[: LONGEST + 1]


class LogSearch:
    """Search for lines that contain a text, ignoring case, step by step."""

    def __init__(self, file: LogFile, text: str, keep: Callable[[bytes], bool]) -> None:
        self.text = text
        self.count = 0
        self.scanned = 0
        self.places: array[int] = array("q")
        """offsets of the first MOST_MATCHES lines"""
        self._file = file
        self._wanted = text.encode().lower()
        self._keep = keep

    @property
    def complete(self) -> bool:
        return self.scanned >= self._file.size

    def step(self, budget_s: float) -> bool:
        """Continue the search for about `budget_s`; return whether there was anything to search."""
        deadline = time.monotonic() + budget_s
        began = self.scanned
        while self.scanned < self._file.size:
            chunk = self._file.read(self.scanned, self.scanned + _SCAN)
            end = chunk.rfind(b"\n") + 1
            if not end:
                if len(chunk) < _SCAN:
                    break  # an unfinished line
                end = len(chunk)
            self._look(chunk[:end])
            self.scanned += end
            if time.monotonic() > deadline:
                break
        return self.scanned > began

    def _look(self, chunk: bytes) -> None:
        lower = chunk.lower()
        at = lower.find(self._wanted)
        while at >= 0:
            start = lower.rfind(b"\n", 0, at) + 1
            end = lower.find(b"\n", at)
            end = len(chunk) if end < 0 else end
            if self._keep(chunk[start:end]):
                self.count += 1
                if len(self.places) < MOST_MATCHES:
                    self.places.append(self.scanned + start)
            at = lower.find(self._wanted, end)
