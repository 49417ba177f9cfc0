"""The launcher of the node agents as a process: lines to it, and timed pieces from it.

A thread reads, because the time of arrival is part of the measurement of a clock. It starts no process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from runner.engines.mpi.fan_out import RESTART
from runner.plan.node_launch import NodeLaunch
from runner.util import processes
from runner.util.daemon import IMPORT_ROOT

MOST_WAITING = 1 << 20
"""bytes for a launcher that does not read; more are dropped, as commands are repeated"""
END_S = 5.0
DRAIN_S = 1.0
"""How long the output of a launcher that has ended may still come: a child of it can keep the pipe open."""
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[1]); from runner.nodes.agent import main; main(sys.argv[2:])"
)


@dataclass
class LauncherProcess:
    """One start of the node agents."""

    launch: NodeLaunch
    run_dir: Path
    token: str
    first: str
    """name of the node of this process"""
    pieces: deque[tuple[int, bytes]] = field(default_factory=deque)
    """what has arrived, with the time in nanoseconds (CLOCK_MONOTONIC)"""
    pid: int = 0
    """0: it could not be started"""
    problem: str = ""
    """why it could not be started"""
    exit_code: int | None = None
    _child: subprocess.Popen[bytes] | None = None
    _out: bytearray = field(default_factory=bytearray)
    _reader: threading.Thread | None = None
    _ended_at: float = 0.0
    """when its end was noticed (monotonic, s)"""

    def start(self) -> None:
        """Start the launcher; `problem` says why that is not possible."""
        words = [str(self.run_dir), self.token, self.first]
        env = {name: value for name, value in os.environ.items() if name != processes.TAG}
        try:
            self._child = subprocess.Popen(
                [*self.launch.argv, self.launch.python, "-c", _BOOTSTRAP, str(IMPORT_ROOT), *words],
                cwd="/",
                env={**env, **self.launch.env, RESTART: "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self.problem = f"{error.filename or self.launch.argv[0]}: {error.strerror}"
            self.exit_code = 127
            return
        self.pid = self._child.pid
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        output = self._child.stdout.fileno()
        self._reader = threading.Thread(target=self._follow, args=(output,), name="node agents", daemon=True)
        self._reader.start()

    def _follow(self, output: int) -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(output, 1 << 16):
                self.pieces.append((time.monotonic_ns(), piece))

    def write(self, line: bytes) -> None:
        """Send a line to all agents; a launcher that does not read loses it."""
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
        """End the input of the agents; those without the last command then clean up."""
        if self._child is not None and self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()

    def kill(self) -> None:
        """Kill the launcher; its agents see the end of their input."""
        if self._child is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
