"""The end of a stage's raw output, as a terminal would have left it, line by line."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from runner.journal import LineReader
from tui.text import plain, shorten
from tui.widgets.rows import Panel, Row, dim, row

KEPT = 2000
"""lines that can be scrolled back to; the file has all of them"""
WINDOW = 1 << 16
"""bytes read at a time, and how far before the end of a big file reading starts"""
HIDDEN = b"\x1e"
"""marks a record of a rank that could not reach its own file; not meant for eyes"""
LONGEST = 4000
"""bytes of one line that are looked at; the rest is cut with a mark"""


class TailReader:
    """Follows a file that a program writes and keeps its last lines, in bounded memory and time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: deque[str] = deque(maxlen=KEPT)
        self.unfinished = ""
        """what stands behind the last newline: a prompt, or a progress bar"""
        self._reader = LineReader(path, limit=WINDOW)
        self._inside = False
        """the next bytes belong to a line of which the beginning was taken or skipped"""
        self._start_near_end()

    def _start_near_end(self) -> None:
        try:
            size = os.stat(self.path).st_size
        except OSError:
            return
        if size > self._reader.offset + 4 * WINDOW:
            self._reader.offset = size - WINDOW
            self._inside = True
            self.lines.clear()

    def read(self) -> bool:
        """Take in what was written; whether there is anything new to show."""
        # A program that prints faster than anyone reads: only the end matters here.
        self._start_near_end()
        changed = False
        while chunk := self._reader.read():
            self._take(chunk)
            changed = True
        unfinished = "" if self._inside else self._peek()
        changed = changed or unfinished != self.unfinished
        self.unfinished = unfinished
        return changed

    def _take(self, chunk: bytes) -> None:
        if self._inside:
            rest, newline, chunk = chunk.partition(b"\n")
            if self.lines and b"\r" in rest.rstrip(b"\r"):
                self.lines[-1] = _as_shown(rest)
            if not newline:
                return
            self._inside = False
        *whole, piece = chunk.split(b"\n")
        if piece:
            # Not a whole line, but the reader's window is full: its beginning stands for it.
            whole.append(piece)
            self._inside = True
        self.lines.extend(_as_shown(line) for line in whole if HIDDEN not in line)

    def _peek(self) -> str:
        """What a program wrote behind the last newline: at most WINDOW bytes."""
        if self._reader.size <= self._reader.offset:
            return ""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._reader.offset)
                line = file.read(WINDOW)
        except OSError:
            return ""
        return "" if HIDDEN in line or b"\n" in line else _as_shown(line)

    def tail(self) -> tuple[str, ...]:
        """All lines that are kept, oldest first."""
        return (*self.lines, *([self.unfinished] if self.unfinished else []))


def _as_shown(line: bytes) -> str:
    """A line as text: of what a carriage return overwrote only the last is left."""
    line = line.rstrip(b"\r")
    line = line[line.rfind(b"\r") + 1 :]
    return plain(line[:LONGEST].decode(errors="replace")) + ("…" if len(line) > LONGEST else "")


class LogTail(Panel[tuple[str, ...]]):
    """Shows lines of program output; stays at the end unless it was scrolled up."""

    DEFAULT_CSS = "LogTail { height: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(draw_log, id=id, classes=classes)
        self.following = True

    def scroll_lines(self, by: int) -> None:
        self.move_to(self.top + by)
        self.following = self.top >= self.last_top

    def follow(self) -> None:
        self.following = True
        self.move_to(self.last_top)

    def _wanted_top(self) -> int:
        return KEPT if self.following else self.top


def draw_log(lines: tuple[str, ...], width: int, height: int) -> list[Row]:
    if not lines:
        return [row(dim("no output yet"))]
    return [row(shorten(line, width)) for line in lines]
