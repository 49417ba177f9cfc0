"""Result files that are imported: content and modification time."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runner.util.errors import UserError
from runner.util.foreign_json import decode_json

MAX_BYTES = 128 << 20
"""Size of the largest file that is read; it takes about ten seconds."""
_JSON = re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{\]])")


@dataclass(frozen=True)
class SourceFile:
    """A result file, read completely."""

    path: Path
    content: bytes
    wall: float
    """modification time, seconds since 1970"""

    @cached_property
    def text(self) -> str:
        """The content as text; invalid UTF-8 is replaced, line ends are those of Unix."""
        text = self.content.decode("utf-8-sig", "replace")
        return text.replace("\r\n", "\n")

    @cached_property
    def document(self) -> object | None:
        """The JSON document that the file is; None if it is none, or damaged."""
        try:
            found: object = decode_json(self.text) if self.is_json else None
        except ValueError:
            return None
        return found

    @property
    def is_json(self) -> bool:
        """Check whether the file starts as a JSON document; it may be incomplete."""
        return _JSON.match(self.content) is not None


def read_source(path: Path) -> SourceFile:
    """Read a result file.

    Raises:
        UserError: it cannot be read, or is larger than MAX_BYTES.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(MAX_BYTES + 1) if status.st_size <= MAX_BYTES else b""
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if max(status.st_size, len(content)) > MAX_BYTES:
        raise UserError(
            f"{path}: is larger than {MAX_BYTES >> 20} MiB",
            hint="results are a few lines: import a file with only the part that has them",
        )
    return SourceFile(path, content, status.st_mtime)
