"""A launcher of one process on every node: lines to all of them, and timed pieces of what they print.

mpirun, srun and `fan_out.py` are used alike. A thread reads, because the time of arrival is part of the
measurement of a clock. It starts no process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

MOST_WAITING = 1 << 20
"""bytes for a launcher that does not read; more are dropped, as commands are repeated"""
MOST_PIECES = 256
"""of 64 KiB at most; a launcher that prints more waits until they are taken"""
DRAIN_S = 1.0
"""How long the output of a launcher that has ended may still come: a child of it can keep the pipe open."""
END_S = 1.0
"""How long a launcher may take to end by itself, and after each signal."""
_FULL_S = 0.01


@dataclass
class LauncherProcess:
    """One start of a launcher, in a session of its own."""

    argv: Sequence[str]
    """the launcher and what it starts"""
    env: Mapping[str, str]
    """all its variables"""
    cwd: str | None = None
    """None: that of this process"""
    pieces: deque[tuple[int, bytes]] = field(default_factory=deque)
    """what it printed on both of its outputs, with the time of arrival in nanoseconds (CLOCK_MONOTONIC)"""
    pid: int = 0
    """0: it could not be started"""
    problem: str = ""
    """why it could not be started"""
    exit_code: int | None = None
    _child: subprocess.Popen[bytes] | None = None
    _out: bytearray = field(default_factory=bytearray)
    _reader: threading.Thread | None = None
    _arrived: threading.Event = field(default_factory=threading.Event)
    _is_over: bool = False
    """nothing is taken any more"""
    _ended_at: float = 0.0
    """when its end was noticed (monotonic, s)"""

    def start(self) -> None:
        """Start the launcher; `problem` says why that is not possible."""
        try:
            self._child = subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self.problem = f"{error.filename or self.argv[0]}: {error.strerror}"
            self.exit_code = 127
            return
        self.pid = self._child.pid
        assert self._child.stdin is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        output = self._child.stdout
        self._reader = threading.Thread(target=self._follow, args=(output,), name="launcher", daemon=True)
        self._reader.start()

    def _follow(self, output: IO[bytes]) -> None:
        with contextlib.suppress(OSError), output:
            while piece := os.read(output.fileno(), 1 << 16):
                if self._is_over:
                    continue
                self.pieces.append((time.monotonic_ns(), piece))
                self._arrived.set()
                while len(self.pieces) >= MOST_PIECES and not self._is_over:
                    time.sleep(_FULL_S)
        self._arrived.set()

    def wait(self, timeout: float) -> None:
        """Wait until something arrives or the output ends, at most for a time (s)."""
        if not self.pieces:
            self._arrived.wait(timeout)
        self._arrived.clear()

    def write(self, line: bytes) -> None:
        """Send a line to all nodes; a launcher that does not read loses it."""
        if len(self._out) + len(line) < MOST_WAITING:
            self._out += line + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what the launcher did not take before."""
        if self._child is None or self._child.stdin is None or self._child.stdin.closed:
            return
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            while self._out:
                del self._out[: os.write(self._child.stdin.fileno(), self._out)]

    def reaped(self, ended: dict[int, int]) -> None:
        """Take note of processes that the caller has reaped: exit code by pid."""
        if self.exit_code is None and self.pid in ended:
            self.exit_code = ended[self.pid]
            if self._child is not None:
                self._child.returncode = self.exit_code

    def poll(self) -> int | None:
        """Return the exit code of the launcher; None: it runs."""
        if self.exit_code is None and self._child is not None:
            self.exit_code = self._child.poll()
        return self.exit_code

    @property
    def is_drained(self) -> bool:
        """It has ended and everything that it printed was taken, as far as its children let one know."""
        if self.poll() is None:
            return False
        self._ended_at = self._ended_at or time.monotonic()
        is_read = self._reader is None or not self._reader.is_alive()
        return not self.pieces and (is_read or time.monotonic() > self._ended_at + DRAIN_S)

    @property
    def is_running(self) -> bool:
        """It was started and has not ended."""
        return self.pid > 0 and self.poll() is None

    def close(self) -> None:
        """End the input of all nodes."""
        if self._child is not None and self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()

    def kill(self) -> None:
        """Kill the launcher; its processes see the end of their input."""
        if self._child is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()

    def end(self) -> None:
        """Wait for its end; after `END_S`, terminate its process group, and kill that after as long again."""
        if self._child is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(END_S)
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
        self.exit_code = self._child.wait()
        self._is_over = True
