"""The Python stacks of processes, read by py-spy if it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable

TIMEOUT_S = 10.0
FRAMES = 6
"""innermost frames of each thread that are kept"""


def stack_reader() -> str | None:
    """Return the path of py-spy; None: it is not installed."""
    return shutil.which("py-spy")


def read_stacks(pids: Iterable[int], reader: str) -> dict[int, list[str]]:
    """Return the innermost frames of each process, or the reason why py-spy cannot read it, as lines.

    py-spy stops a process for some milliseconds, so this is for processes that make no progress.

    Args:
        pids: processes of this machine.
        reader: path of py-spy.
    """
    return {pid: _read_stack(pid, reader) for pid in pids}


def _read_stack(pid: int, reader: str) -> list[str]:
    command = [reader, "dump", "--pid", str(pid)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"py-spy did not answer: {error}"]
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["no reason given"]
        return [f"py-spy cannot read it: {reason[-1]}"]
    lines = done.stdout.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("Thread ")]
    frames: list[str] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        thread = [line.strip() for line in lines[start:end] if line.strip()]
        frames += thread[: FRAMES + 1]
    return frames or ["py-spy found no Python thread"]
