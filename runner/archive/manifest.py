"""What an archive says about itself, and what never goes into one."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import IO, Literal

import msgspec

from runner.history import labels
from runner.run import layout

SUFFIX = ".zip"
MANIFEST = "archive.json"
PIECE = 1 << 20
"""bytes that are read and written at once"""
OF_THIS_MACHINE = frozenset({layout.LOCK, layout.OWNER, layout.STOP, layout.BALLAST, layout.SEEN})
IN_THE_LOG = frozenset({layout.RANKS, layout.TELEMETRY})
"""What ranks and telemetry wrote; every line of it is in the log."""


class File(msgspec.Struct, frozen=True):
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `archive.json`."""

    format: Literal["trtbench-tui archive"]
    version: Literal[1]
    run: str
    files: dict[str, File]
    """by path in the run directory, with slashes"""
    label: labels.Label = labels.UNLABELLED
    """the name, tags and note that people gave to it"""


def is_plain(name: str) -> bool:
    """Whether this is a path that is inside of a run directory on every machine, and not hidden."""
    pure = PurePosixPath(name)
    inside = name == str(pure) and not pure.is_absolute()
    parts = all(part not in ("", ".", "..") and not part.startswith(".") for part in pure.parts)
    return inside and parts and not any(char in "\\:\0" or "\ud800" <= char <= "\udfff" for char in name)


def described(file: IO[bytes]) -> File:
    """Size and checksum of what is left to read of a file."""
    digest, size = hashlib.sha256(), 0
    while piece := file.read(PIECE):
        digest.update(piece)
        size += len(piece)
    return File(size, digest.hexdigest())
