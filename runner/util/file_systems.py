"""Which kind of file system a folder is on."""

from __future__ import annotations

import os
from pathlib import Path

from runner.util.files import system_text


def file_system_of(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Return the type of the file system of a path, which need not exist: `nfs4`, `ext4`; empty: unknown."""
    real = os.path.realpath(path)
    best, found = -1, ""
    for line in system_text(mounts).splitlines():
        words = line.split(" ")
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ").rstrip("/")
        # Of two mounts at one point, the later one hides the other.
        if len(point) >= best and (real == point or real.startswith(f"{point}/")):
            best, found = len(point), words[2]
    return found
