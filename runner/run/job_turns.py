"""How runs of a sweep take turns in a job of Slurm: a file that the sweep appends to and the job reads.

Each line is the name of a run, `END` closes the job. The sweep runner also changes the time of the file while
it lives, so that the job of a dead sweep ends.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from runner.run.layout import RUN_ID
from runner.util.files import open_append, read_file

TURNS = "turns"
END = "end"
ALIVE_S = 20.0
"""How often the sweep runner changes the time of the file"""
SILENT_S = 180.0
"""How long a job waits for a sweep runner that does not change the file"""

Stamp = tuple[int, int]


def assign(directory: Path, line: str) -> None:
    """Append the name of a run, or `END`.

    Raises:
        OSError: the directory is gone or not writable.
    """
    with open_append(directory / TURNS) as file:
        file.write(f"{line}\n".encode())


def keep_alive(directory: Path) -> None:
    """Change the time of the file: its writer lives."""
    with contextlib.suppress(OSError):
        os.utime(directory / TURNS)


def read_turns(directory: Path) -> tuple[list[str], Stamp]:
    """Return the complete lines, and a stamp that changes with the file; no lines: there is no file yet.

    The file is opened again each time: on a network file system an open file may show old contents.
    """
    try:
        content = read_file(directory / TURNS).decode("ascii", "replace")
        status = os.stat(directory / TURNS)
    except OSError:
        return [], (0, 0)
    lines = content.splitlines(keepends=True)
    complete = [line.strip() for line in lines if line.endswith("\n")]
    known = [line for line in complete if line == END or RUN_ID.fullmatch(line)]
    return known, (status.st_mtime_ns, len(content))
