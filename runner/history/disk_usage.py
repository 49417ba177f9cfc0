"""Disk usage of runs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

BLOCK = 512
"""bytes in a unit of `st_blocks`, independent of the block size of the file system"""


def disk_use(path: Path | str) -> int:
    """Return the disk usage of a directory in bytes, as `du` counts; 0 if it does not exist.

    Files that cannot be read are not counted; links are not followed.
    """
    total = 0
    with contextlib.suppress(OSError):
        total += os.lstat(path).st_blocks * BLOCK
        with os.scandir(path) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        total += disk_use(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * BLOCK
    return total
