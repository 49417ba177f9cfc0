"""How much room a disk has."""

from __future__ import annotations

import os
from pathlib import Path

NOTHING = 1 << 16
"""Bytes; with less than that, some of what is written may not reach its file."""


def free_bytes(folder: Path) -> int | None:
    """What a user may still write on the disk of a folder; None: it does not say."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def is_full(folder: Path) -> bool:
    free = free_bytes(folder)
    return free is not None and free < NOTHING
