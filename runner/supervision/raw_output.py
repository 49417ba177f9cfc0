"""Limit the size of the raw output of a stage on disk, while its program appends to the file."""

from __future__ import annotations

import os
from pathlib import Path

LIMIT = 256 << 20
"""Bytes of a file beyond which its middle is dropped."""
HEAD = 64 << 20
"""Bytes that are kept from the start of a file."""
TAIL = 16 << 20
"""Bytes that are kept from its end."""
MARK = b"\n[trtbench] the output between here and the next line was dropped\n"


def size(path: Path) -> int:
    """Return the size of a file; 0: it does not exist."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def drop_middle(path: Path, offset: int) -> int:
    """Drop everything between the head and the tail of a file that its program opened for appending.

    What the program writes between the two steps of this function may be lost or precede the tail.

    Args:
        path: the file, larger than `LIMIT`.
        offset: how far a reader has read the file; it has read all that is dropped.

    Returns:
        The offset where the reader continues.

    Raises:
        OSError: the file cannot be written.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    try:
        kept_from = os.fstat(file).st_size - TAIL
        content = os.pread(file, 2 * TAIL, kept_from)
        os.ftruncate(file, HEAD)
        first_line = content.find(b"\n") + 1
        tail = memoryview(content)[first_line:]  # copies would be a third of the memory of the supervisor
        os.writev(file, (MARK, tail))
        # In a file opened for appending, the position is the end of what was just written.
        start = os.lseek(file, 0, os.SEEK_CUR) - len(tail)
        return start + min(len(tail), max(0, offset - kept_from - first_line))
    finally:
        os.close(file)
