"""Run the command that trtllm-llmapi-launch starts next to the ranks, and end the launcher when it fails.

    python launched_command.py PROGRAM [ARGUMENTS ...]

Older versions of this shell script split their arguments at spaces, so they come percent-encoded. And after
a command that has failed they wait for the ranks, which wait for them: nothing would end. The other
programs of the script have `END_S` seconds to end, as they do in newer versions; then they are ended. The
script fails with them, and mpirun and srun end all ranks. Linux, standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from urllib.parse import quote, unquote

LAUNCHER = "trtllm-llmapi-launch"
"""TensorRT-LLM's script that makes the processes of mpirun or srun the ranks of its LLM API"""
END_S = 10.0
"""How long the launcher may take to end after the command has failed."""
KILL_S = 5.0
"""Time between SIGTERM and SIGKILL of its other programs."""
GIVE_UP_S = 30.0
"""How long they are sent signals at most; a launcher that no process waits for stays as a zombie."""
_PLAIN = "/=:,+@{}"
"""Characters that stay readable, next to letters, digits and `_.-~`; a shell does not change them"""


def encode(word: str) -> str:
    """Return a word that a shell keeps in one piece."""
    return quote(word, safe=_PLAIN)


def main() -> int:
    """Run the command and return its exit code."""
    launcher = find_launcher(os.getppid())
    # A shell would end with 128 and the signal, or with 127 if it cannot start the command.
    try:
        code = subprocess.run([unquote(word) for word in sys.argv[1:]], check=False).returncode
        code = code if code >= 0 else 128 - code
    except OSError as error:
        print(error, file=sys.stderr)
        code = 127
    if code:
        print(f"{os.path.basename(sys.argv[1])} ended with exit code {code}", file=sys.stderr, flush=True)
        if launcher is not None:
            end_later(*launcher)
    return code


def find_launcher(pid: int) -> tuple[int, str] | None:
    """Return pid and start time of the outermost process of the launcher above a process."""
    found = None
    while pid > 1:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = [os.path.basename(word) for word in file.read().decode(errors="replace").split("\0")]
            parent, started = _stat(pid)
        except OSError:
            break
        if LAUNCHER in words[:2]:  # the shell and its script
            found = pid, started
        pid = parent
    return found


def end_later(pid: int, started: str) -> None:
    """Leave a process behind that ends the children of another one, if that does not end in time.

    Without the script, they would keep its output open, for which mpirun waits.
    """
    if os.fork():
        return
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):  # the launcher waits until its output is closed
            os.dup2(nothing, descriptor)
        end_children(pid, started)
    finally:
        os._exit(0)


def end_children(pid: int, started: str) -> None:
    """End the children of a process that does not end in time, until it ends or `GIVE_UP_S` are over."""
    began = time.monotonic()
    while (late := time.monotonic() - began - END_S) < GIVE_UP_S:
        try:
            if _stat(pid)[1] != started:
                return
        except OSError:
            return
        for child in _children(pid) if late > 0 else ():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                os.kill(child, signal.SIGTERM if late < KILL_S else signal.SIGKILL)
        time.sleep(0.1)


def _children(parent: int) -> list[int]:
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            if _stat(pid)[0] == parent:
                found.append(pid)
    return found


def _stat(pid: int) -> tuple[int, str]:
    """Return the parent and the start time of a process (fields 4 and 22, man 5 proc)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[1]), fields[19]


if __name__ == "__main__":
    sys.exit(main())
