"""What was read of runs that ended, kept in one file so that a history of ten thousand is listed at once.

Nothing depends on the file: an entry counts only while the run's report is the file that it was made from,
and an index that is missing, spoilt or of another version is made again from the runs. Two writers cost each
other some reading and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

import msgspec

from runner.history.run_entry import Facts
from runner.run.layout import UNREADABLE
from runner.util.files import read, write_atomically

VERSION = 5
Stamp = tuple[int, int, int]
"""of a run's report: inode, size in bytes, time of last change in ns"""


class Stored(msgspec.Struct, array_like=True):
    """One run that ended."""

    stamp: Stamp
    facts: Facts
    disk: int | None = None
    """bytes that its directory takes; None: nobody asked yet"""


class _Contents(msgspec.Struct, array_like=True):
    version: int
    runs: dict[str, Stored]


_decoder = msgspec.msgpack.Decoder(_Contents)


def stamp_of(report: str) -> Stamp | None:
    """What tells this very report from any other; None when there is none."""
    try:
        status = os.stat(report)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def load(path: Path) -> dict[str, Stored]:
    """The runs that are known, by name of their directory; none when the file cannot be used."""
    try:
        content = read(path)
        if int.from_bytes(content[:4], "big") != zlib.crc32(content[4:]):
            return {}
        contents = _decoder.decode(content[4:])
    except (OSError, *UNREADABLE):
        return {}
    return contents.runs if contents.version == VERSION else {}


def save(path: Path, runs: dict[str, Stored]) -> None:
    """Keep what is known, as far as the disk lets us: without it the next reader takes longer, no more."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        body = msgspec.msgpack.encode(_Contents(VERSION, runs))
        write_atomically(path, zlib.crc32(body).to_bytes(4, "big") + body)
