"""How much room runs take on the disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

BLOCK = 512
"""bytes of what `st_blocks` counts, whatever the file system's own blocks are"""


def disk_use(path: Path | str) -> int:
    """Bytes that a directory with all in it takes on its disk, as `du` counts; 0 when it is gone.

    What cannot be looked at is not counted; links are not followed.
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
