"""Reading a log of any size in windows: lines before and after an offset, never the whole file."""

from __future__ import annotations

import os
import re
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

WINDOW = 1 << 16
"""bytes read at a time"""
LONGEST = 4000
"""bytes of one line that are kept"""
_LONGEST_LINE = 1 << 23
"""A line longer than this is read as several."""
_SCAN = 1 << 20
MOST_MATCHES = 1_000_000
"""Places of matches that are remembered; more are counted."""
HIDDEN = b"\x1e"
"""marks a record of a rank that could not reach its own file; not meant for eyes"""

Level = Literal["all", "warnings", "errors"]
_ERROR = re.compile(
    rb"\[E\]|\b(?:error|fatal|critical|traceback|failed|killed|aborted|segmentation fault)\b"
    rb"|\w(?:Error|Exception)\b",
    re.IGNORECASE,
)
_WARNING = re.compile(rb"\[W\]|\bwarn(?:ing)?\b|\wWarning\b", re.IGNORECASE)


class Line(NamedTuple):
    start: int
    end: int
    """offset of the next line"""
    text: bytes
    """without its newline; of a long line its beginning, or what a carriage return left of it"""


def level_of(text: bytes) -> Level:
    """What a line says about itself; `all` for what is neither a warning nor an error."""
    if _ERROR.search(text):
        return "errors"
    return "warnings" if _WARNING.search(text) else "all"


def passes(text: bytes, level: Level) -> bool:
    """Whether a line is shown when a level is asked for: errors are among the warnings."""
    if HIDDEN in text:
        return False
    if level == "all":
        return True
    found = level_of(text)
    return found == "errors" or found == level


class LogFile:
    """A file that may not exist yet, grows, and may be deleted: then what it held can still be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file: int | None = None

    def refresh(self) -> bool:
        """Look whether the file has grown."""
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            size = os.fstat(self._file).st_size
        except OSError:
            return False
        grown = size != self.size
        self.size = size
        return grown

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def read(self, start: int, stop: int) -> bytes:
        if self._file is None or stop <= start:
            return b""
        try:
            return os.pread(self._file, stop - start, start)
        except OSError:
            return b""

    def after(
        self, offset: int, count: int, keep: Callable[[bytes], bool], budget_s: float
    ) -> tuple[list[Line], int]:
        """Whole lines from `offset` on, which begins one.

        Returns:
            Up to `count` lines that are kept, and where the next call goes on.
        """
        found: list[Line] = []
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
    ) -> tuple[list[Line], int]:
        """Whole lines up to `offset`, which begins one; as `after`, backwards, the lines in file order."""
        parts: list[list[Line]] = []
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
                size *= 2  # the line is longer than what was read
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

    def unfinished(self, offset: int) -> Line | None:
        """What a program wrote behind the last newline, which stands before `offset`: a progress bar."""
        chunk = self.read(max(offset, self.size - WINDOW), self.size)
        if not chunk or b"\n" in chunk or HIDDEN in chunk:
            return None
        return Line(offset, self.size, _kept(chunk))

    def last_line_start(self) -> int:
        """Where the unfinished last line begins; the size when there is none."""
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

    def _long_line(self, offset: int, head: bytes) -> Line | None:
        """A line longer than a window; None while its end is not there."""
        place, tail = offset + len(head), head
        while place < self.size and place - offset < _LONGEST_LINE:
            chunk = self.read(place, place + WINDOW)
            if not chunk:
                return None
            newline = chunk.find(b"\n")
            if newline >= 0:
                tail = (tail + chunk[:newline])[-WINDOW:]
                return Line(offset, place + newline + 1, _kept(head, tail))
            place, tail = place + len(chunk), chunk
        return Line(offset, place, _kept(head, tail)) if place - offset >= _LONGEST_LINE else None


def _lines(chunk: bytes, offset: int, keep: Callable[[bytes], bool]) -> list[Line]:
    found = []
    for text in chunk.split(b"\n"):
        end = offset + len(text) + 1
        if keep(text):
            found.append(Line(offset, end, _kept(text)))
        offset = end
    if chunk.endswith(b"\n") and found and found[-1].start == offset - 1:
        found.pop()  # there is nothing behind the last newline
    return found


def _kept(head: bytes, tail: bytes = b"") -> bytes:
    """What a terminal would show: what follows the last carriage return, else the beginning."""
    line = (tail or head).rstrip(b"\r")
    overwritten = line.rfind(b"\r") + 1
    return (line[overwritten:] if overwritten else head.rstrip(b"\r"))[: LONGEST + 1]


class Search:
    """The lines of a file that contain some text, whatever its case; found step by step."""

    def __init__(self, file: LogFile, text: str, keep: Callable[[bytes], bool]) -> None:
        self.text = text
        self.count = 0
        self.scanned = 0
        self.places: array[int] = array("q")
        """offsets of the lines, the first MOST_MATCHES of them"""
        self._file = file
        self._wanted = text.encode().lower()
        self._keep = keep

    @property
    def complete(self) -> bool:
        return self.scanned >= self._file.size

    def step(self, budget_s: float) -> bool:
        """Look on for about so long; whether there was anything to look at."""
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
