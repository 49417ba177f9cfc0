"""Start one process on each of several nodes, each by its own command, as if one launcher did.

    python fan_out.py COMMANDS PROGRAM [ARGUMENTS ...]

COMMANDS is JSON: for each node the command that starts PROGRAM there, as a list of words before it; an empty
list starts it on this machine. Standard input goes to all of them. Their standard output comes out line by
line, each line in one piece; what they write to standard error is not touched.

When standard input ends, that of the processes ends too. Open MPI 5 does not pass this on to remote
processes, so commands that still run after `END_S` seconds are terminated, and killed after another `END_S`
seconds: an mpirun that is terminated while ssh connects never ends. The exit code is that of the first
command that failed, else 0. One file, standard library only, Python 3.10 or later.

With the variable `RESTART`, a process that ends before its input does, or before a line `LAST`, is started
once more, whatever its exit code: an mpirun of Open MPI 5 whose ssh was killed returns 0. If that one ends
before a message (a line with `MARK`) has come from it, it is started again for `RETRY_S` seconds: its host
may be booting. A first one that ends before its first message ends all. One that cannot be started again has
failed with `NOT_STARTED`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

END_S = 5.0
RETRY_S, PAUSE_S = 180.0, 3.0
PIECE = 1 << 16
RESTART = "TRTBENCH_RESTART"
"""Variable: start a process that has ended once more"""
LAST = b"last"
"""A line of the input after which processes may end; they get it, too"""
MARK = b"\x1e"
"""Begins the messages of the processes, as in `runner.util.launcher_frames`; text of launchers is without"""
NOT_STARTED = 127
"""The exit code of a command that cannot be started, as in a shell"""
_PR_SET_PDEATHSIG = 1


class Heard:
    """Whether a message has come from a process."""

    def __init__(self) -> None:
        self.message = False
        self.settled = threading.Event()
        """one has come, or the output has ended"""


class Member:
    """The process of one node, and the one that replaces it."""

    def __init__(self, argv: Sequence[str], output: threading.Lock, prepare: Callable[[], None]) -> None:
        self.argv, self._output, self._prepare = argv, output, prepare
        self.retry_until: float | None = None
        """until when it may be started again (monotonic, s); None: it was not"""
        self.readers: list[threading.Thread] = []
        self.start()

    def start(self) -> None:
        """Start the process; the kernel ends it with the calling thread."""
        self.input: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.heard = Heard()
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=self._prepare
        )
        threading.Thread(target=_feed, args=(self.process.stdin, self.input), daemon=True).start()
        self.readers.append(
            threading.Thread(target=self._forward, args=(self.process, self.heard), daemon=True)
        )
        self.readers[-1].start()

    def put(self, piece: bytes) -> None:
        """Write to its standard input; an empty piece is the end."""
        self.input.put(piece)

    def _forward(self, process: subprocess.Popen[bytes], heard: Heard) -> None:
        """Copy lines to standard output, never a part of one between the lines of another process."""
        assert process.stdout is not None
        for line in process.stdout:
            if MARK in line:
                heard.message = True
                heard.settled.set()
            with self._output, contextlib.suppress(OSError):
                os.write(1, line)
        heard.settled.set()


class FanOut:
    """All processes, and whether their input has ended."""

    def __init__(self, commands: Sequence[Sequence[str]], program: Sequence[str]) -> None:
        output, prepare = threading.Lock(), _end_with_this_process()
        self.members = [Member([*command, *program], output, prepare) for command in commands]
        self.is_ending = threading.Event()

    def distribute(self) -> None:
        """Copy standard input to every process until it ends; then end what still runs."""
        piece, last = b"?", b""
        while piece:
            piece = os.read(0, PIECE)
            *lines, last = (last + piece).split(b"\n")
            if not piece or LAST in lines:
                self.is_ending.set()
            for member in self.members:
                member.put(piece)
        self._wait()
        self.end()

    def end(self) -> None:
        """Terminate all processes, and kill those that do not end."""
        self.is_ending.set()
        for member in self.members:
            member.process.terminate()
        self._wait()
        for member in self.members:
            member.process.kill()

    def follow(self, member: Member, *, restart: bool) -> int:
        """Wait for the process of a node, and those that replace it; return the last exit code."""
        while True:
            code = member.process.wait()
            if self.is_ending.is_set() or not restart:
                return code
            # The process can end before the thread that reads its output has seen its first line.
            member.heard.settled.wait(END_S)
            if not self._may_start_again(member):
                return code
            try:
                member.start()
            except OSError as error:
                what = error.filename or member.argv[0]
                print(f"{what} cannot be started again: {error.strerror}", file=sys.stderr, flush=True)
                return NOT_STARTED

    def _may_start_again(self, member: Member) -> bool:
        """Check whether a process that has ended is replaced; pause if the one before has just failed."""
        now = time.monotonic()
        if member.retry_until is None and member.heard.message:
            member.retry_until = now + RETRY_S
            return True
        if member.retry_until is None:
            self.end()
            return False
        return not member.heard.message and now < member.retry_until and not self.is_ending.wait(PAUSE_S)

    def _wait(self) -> None:
        """Wait until all processes have ended, at most `END_S` seconds."""
        until = time.monotonic() + END_S
        for member in self.members:
            with contextlib.suppress(subprocess.TimeoutExpired):
                member.process.wait(max(0.0, until - time.monotonic()))


def main() -> int:
    """Run the processes until all have ended."""
    fan_out = FanOut(json.loads(sys.argv[1]), sys.argv[2:])
    members, codes = fan_out.members, [0] * len(fan_out.members)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=fan_out.end).start())
    threading.Thread(target=fan_out.distribute, daemon=True).start()
    restart = bool(os.environ.get(RESTART))

    def follow(index: int) -> None:
        codes[index] = fan_out.follow(members[index], restart=restart)

    followers = [threading.Thread(target=follow, args=(index,)) for index in range(len(members))]
    for follower in followers:
        follower.start()
    for follower in followers:
        follower.join()
    for reader in [reader for member in members for reader in member.readers]:
        reader.join(END_S)  # the ssh of a killed mpirun keeps its output open
    code = next(filter(None, codes), 0)
    return code if code >= 0 else 128 - code


def _feed(target: IO[bytes], pieces: queue.SimpleQueue[bytes]) -> None:
    """Write pieces to a process until an empty one; a node that does not read holds up no other."""
    with contextlib.suppress(OSError):  # it has ended
        while piece := pieces.get():
            target.write(piece)
            target.flush()
        target.close()


def _end_with_this_process() -> Callable[[], None]:
    """Return what makes the kernel (Linux) terminate a child when this process ends."""
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return prepare


if __name__ == "__main__":
    sys.exit(main())
