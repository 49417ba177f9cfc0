"""The free space of a disk."""

from __future__ import annotations

import os
from pathlib import Path

FULL_BYTES = 1 << 16
"""With fewer free bytes, writes may fail or be incomplete."""
ROOM = 8 << 20
"""Bytes that a run needs to write its log and how it ended."""


def free_bytes(folder: Path) -> int | None:
    """Return the bytes that a user may still write on the disk of a folder; None: unknown, or no disk."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    if not disk.f_blocks:
        return None  # such as /proc
    return disk.f_bavail * disk.f_frsize


def is_full(folder: Path) -> bool:
    """Check whether a disk that can be written has no room for bytes or for another file."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    if disk.f_flag & os.ST_RDONLY:
        return False
    return disk.f_bavail * disk.f_frsize < FULL_BYTES or (disk.f_files > 0 and disk.f_favail == 0)


def device_of(folder: Path) -> int | None:
    """Return the number of the disk that holds a folder; None: there is no such folder."""
    try:
        return os.stat(folder).st_dev
    except OSError:
        return None


def wait_reason(folder: Path) -> str:
    """Return why the next run of a sweep waits for the disk of a folder; empty: the disk has room."""
    free = free_bytes(folder)
    if free is None or free >= ROOM:
        return ""  # when the disk does not report its free space, the writer reports the error
    return f"the disk is full: the next run starts when {ROOM >> 20} MiB are free there, not {free >> 20}"
