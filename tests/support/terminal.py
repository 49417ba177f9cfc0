"""A pseudo-terminal with a program on it, whose output is read with the time at which it arrived."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence

from tests.support.patience import PATIENCE_S


class Terminal:
    """A program on a pseudo-terminal of a given size."""

    def __init__(
        self, argv: Sequence[str], *, columns: int = 120, rows: int = 40, env: dict[str, str] | None = None
    ):
        self.main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            argv, stdin=side, stdout=side, stderr=side, env=environment, start_new_session=True
        )
        os.close(side)
        self.bytes = 0
        self.glass = ScreenText(columns, rows)

    def read(self, timeout: float) -> bytes:
        """What arrives within the time; empty when nothing does or the program has ended."""
        if not select.select([self.main], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self.main, 1 << 16)
        except OSError:
            return b""
        self.bytes += len(data)
        self.glass.feed(data)
        return data

    def chunks(self, seconds: float) -> Iterator[tuple[int, bytes]]:
        """Everything that arrives for some seconds, each piece with its CLOCK_MONOTONIC time in ns."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            data = self.read(left)
            if data:
                yield time.monotonic_ns(), data
            elif self.process.poll() is not None:
                return

    def wait_for(self, seen: Callable[[bytes], bool], timeout: float = PATIENCE_S) -> float:
        """Seconds from the start until the output so far satisfies a condition."""
        output = b""
        for _, data in self.chunks(timeout):
            output += data
            if seen(output):
                return time.monotonic() - self.started
        raise TimeoutError(f"not seen within {timeout:.0f} s; the output ends with {output[-300:]!r}")

    def wait_until_it_says(self, *words: str, timeout: float = PATIENCE_S) -> None:
        """Until all of these stand on the screen; the output itself holds only the cells that changed."""
        self.wait_until(lambda glass: all(map(glass.says, words)), str(words), timeout)

    def wait_until(self, holds: Callable[[ScreenText], bool], what: str, timeout: float = PATIENCE_S) -> None:
        """Until something holds of what stands on the screen, which may be half of a frame."""
        if holds(self.glass):
            return
        for _ in self.chunks(timeout):
            if holds(self.glass):
                return
        raise TimeoutError(f"not seen within {timeout:.0f} s: {what}; the screen says\n{self.glass.text}")

    def wait(self, timeout: float = PATIENCE_S) -> int:
        """Read on until the program has ended, as a terminal does; its exit code."""
        for _ in self.chunks(timeout):
            pass
        return self.process.wait(timeout=PATIENCE_S)

    def send(self, keys: bytes) -> None:
        os.write(self.main, keys)

    def close(self) -> None:
        """Hang up, and make sure that the program has ended."""
        with contextlib.suppress(OSError):
            os.close(self.main)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


_PART = re.compile(r"\x1b\[([\d;?]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\r\n]|([^\x1b\r\n])")


class ScreenText:
    """What stands on a terminal, as text and moves of the cursor tell; wide characters are one cell."""

    def __init__(self, columns: int, rows: int) -> None:
        self._rows = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._rest = b""

    def feed(self, output: bytes) -> None:
        """Take in output; a sequence that is cut in two waits for its other half."""
        output = self._rest + output
        whole = output.rfind(b"\x1b") if b"\x1b" in output[-32:] else len(output)
        self._rest = output[whole:]
        for numbers, kind, character in _PART.findall(output[:whole].decode(errors="replace")):
            if kind == "H":
                places = [int(number) - 1 for number in numbers.split(";") if number.isdigit()]
                self._y, self._x = [*places, 0, 0][:2]
            elif kind == "C":
                self._x += int(numbers or 1)
            elif character and self._y < len(self._rows) and self._x < len(self._rows[0]):
                self._rows[self._y][self._x] = character
                self._x += 1

    @property
    def text(self) -> str:
        """All rows, a line each."""
        return "\n".join(map("".join, self._rows))

    def says(self, words: str) -> bool:
        return words in self.text
