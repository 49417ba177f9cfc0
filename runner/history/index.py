"""Index of ended runs in one file, so that a history of ten thousand runs is listed immediately.

The file is only a cache: an entry is valid while the report of the run is the file that it was made from, and
an index that is missing, corrupt or of another version is rebuilt from the runs. Two concurrent writers can
lose entries, which are then read again.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

import msgspec

from runner.history.run_entry import RunFacts
from runner.run.layout import UNREADABLE
from runner.util.files import read_file, write_atomically

VERSION = 6
Stamp = tuple[int, int, int]
"""identity of a report: inode, size in bytes, modification time in ns"""


class IndexedRun(msgspec.Struct, array_like=True):
    """One ended run."""

    stamp: Stamp
    facts: RunFacts
    disk: int | None = None
    """disk usage of its directory, bytes; None: not measured yet"""


class _Contents(msgspec.Struct, array_like=True):
    version: int
    runs: dict[str, IndexedRun]


_decoder = msgspec.msgpack.Decoder(_Contents)


def stamp_of(report: str) -> Stamp | None:
    """Return the identity of a report file; None if it does not exist."""
    try:
        status = os.stat(report)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def load_index(path: Path) -> dict[str, IndexedRun]:
    """Return the indexed runs by directory name; empty if the file cannot be used."""
    try:
        content = read_file(path)
        if int.from_bytes(content[:4], "big") != zlib.crc32(content[4:]):
            return {}
        contents = _decoder.decode(content[4:])
    except (OSError, *UNREADABLE):
        return {}
    return contents.runs if contents.version == VERSION else {}


def save_index(path: Path, runs: dict[str, IndexedRun]) -> None:
    """Write the index; errors are ignored, because without it the next reader only takes longer."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        body = msgspec.msgpack.encode(_Contents(VERSION, runs))
        write_atomically(path, zlib.crc32(body).to_bytes(4, "big") + body)
