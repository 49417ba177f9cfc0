"""The manifest of an archive, and the files that are never packed."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import IO, Literal

import msgspec

from runner.history import labels
from runner.run import layout

SUFFIX = ".zip"
MANIFEST = "archive.json"
CHUNK_BYTES = 1 << 20
"""bytes per read and write"""
LOCAL_FILES = frozenset({layout.LOCK, layout.OWNER, layout.STOP, layout.BALLAST, layout.PROCESSES})
"""Files that only this machine needs."""
LOGGED_FOLDERS = frozenset({layout.RANKS, layout.TELEMETRY})
"""Output of ranks and telemetry; the log contains every line of it."""


class PackedFile(msgspec.Struct, frozen=True):
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `archive.json`."""

    format: Literal["trtbench-tui archive"]
    version: Literal[1]
    run: str
    files: dict[str, PackedFile]
    """by path relative to the run directory, with slashes"""
    label: labels.Label = labels.UNLABELLED
    """name, tags and note of the run"""


def is_portable(name: str) -> bool:
    """Check that a path is inside a run directory on every operating system, and not hidden."""
    pure = PurePosixPath(name)
    inside = name == str(pure) and not pure.is_absolute()
    parts = all(part not in ("", ".", "..") and not part.startswith(".") for part in pure.parts)
    return inside and parts and not any(char in "\\:\0" or "\ud800" <= char <= "\udfff" for char in name)


def describe_file(file: IO[bytes]) -> PackedFile:
    """Return the size and checksum of a file, from its current position."""
    digest, size = hashlib.sha256(), 0
    while piece := file.read(CHUNK_BYTES):
        digest.update(piece)
        size += len(piece)
    return PackedFile(size, digest.hexdigest())
