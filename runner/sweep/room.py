"""Whether the disk has room for one more run."""

from __future__ import annotations

from pathlib import Path

from runner.util.disk import free_bytes

ROOM = 8 << 20
"""Bytes; with less, a run could write neither what happens in it nor how it ended."""


def no_room(directory: Path) -> str:
    """What a sweep waits for, in words; empty: there is room."""
    free = free_bytes(directory)
    if free is None or free >= ROOM:
        return ""  # what is wrong with a disk that does not say it is told by whoever writes there
    return f"the disk is full: the next run starts when {ROOM >> 20} MiB are free there, not {free >> 20}"
