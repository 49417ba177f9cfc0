"""Start one process on each of several nodes, each by its own command, as if one launcher did.

    python fan_out.py COMMANDS PROGRAM [ARGUMENTS ...]

COMMANDS is JSON: for each node the command that starts PROGRAM there, as a list of words before it; an empty
list starts it on this machine. Standard input goes to all of them. Their standard output comes out line by
line, each line in one piece; what they write to standard error is not touched.

When standard input ends, that of the processes ends too. Open MPI 5 does not pass this on to remote
processes, so commands that still run after `END_S` seconds are terminated, and killed after another `END_S`
seconds: an mpirun that is terminated while ssh connects never ends. The exit code is that of the first
command that failed, else 0. One file, standard library only, Python 3.10 or later.
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
from collections.abc import Callable
from typing import IO

END_S = 5.0
PIECE = 1 << 16
TOGETHER = "TRTBENCH_END_TOGETHER"
"""Variable: the failure of one process ends all, so that whoever started them can start them again"""
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the processes until all have ended."""
    commands, program = json.loads(sys.argv[1]), sys.argv[2:]
    prepare = _end_with_this_process()
    started = [
        subprocess.Popen(
            [*command, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=prepare
        )
        for command in commands
    ]
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_end, args=(started,)).start())
    lock = threading.Lock()
    readers = [threading.Thread(target=_forward, args=(one.stdout, lock), daemon=True) for one in started]
    for reader in readers:
        reader.start()
    threading.Thread(target=_distribute, args=(started,), daemon=True).start()
    if os.environ.get(TOGETHER):
        for one in started:
            threading.Thread(target=_end_together, args=(one, started), daemon=True).start()
    code = next((code for code in [one.wait() for one in started] if code), 0)
    for reader in readers:
        reader.join(END_S)  # the ssh of a killed mpirun keeps its output open
    return code if code >= 0 else 128 - code


def _forward(source: IO[bytes], lock: threading.Lock) -> None:
    """Copy lines to standard output, never a part of one between the lines of another process."""
    for line in source:
        with lock, contextlib.suppress(OSError):
            os.write(1, line)


def _distribute(started: list[subprocess.Popen[bytes]]) -> None:
    """Copy standard input to every process until it ends; then end what still runs."""
    waiting: list[queue.SimpleQueue[bytes]] = [queue.SimpleQueue() for _ in started]
    for process, pieces in zip(started, waiting, strict=True):
        threading.Thread(target=_feed, args=(process.stdin, pieces), daemon=True).start()
    piece = b"?"
    while piece:
        piece = os.read(0, PIECE)
        for pieces in waiting:
            pieces.put(piece)
    _wait(started)
    _end(started)


def _feed(target: IO[bytes], pieces: queue.SimpleQueue[bytes]) -> None:
    """Write pieces to a process until an empty one; a node that does not read holds up no other."""
    with contextlib.suppress(OSError):  # it has ended
        while piece := pieces.get():
            target.write(piece)
            target.flush()
        target.close()


def _end_together(one: subprocess.Popen[bytes], started: list[subprocess.Popen[bytes]]) -> None:
    """End all processes when one has failed, as mpirun does."""
    if one.wait():
        _end(started)


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    for process in started:
        process.terminate()
    _wait(started)
    for process in started:
        process.kill()


def _wait(started: list[subprocess.Popen[bytes]]) -> None:
    """Wait until all processes have ended, at most `END_S` seconds."""
    until = time.monotonic() + END_S
    for process in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))


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
