"""A file with results: its content, and when it was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runner.errors import UserError

MAX_BYTES = 512 << 20
_JSON = re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{\]])")


@dataclass(frozen=True)
class Source:
    """A file that was read whole."""

    path: Path
    content: bytes
    wall: float
    """when it changed last, seconds since 1970"""

    @cached_property
    def text(self) -> str:
        """Its content as text; bytes that are none are marked, and ends of lines are those of Unix."""
        text = self.content.decode("utf-8-sig", "replace")
        return text.replace("\r\n", "\n")

    @property
    def is_json(self) -> bool:
        """Whether the file begins as a JSON document; it may be torn."""
        return _JSON.match(self.content) is not None


def read(path: Path) -> Source:
    """A file as it is now.

    Raises:
        UserError: it cannot be read, or is too large to hold results only.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        wall = path.stat().st_mtime
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise UserError(
            f"{path}: is larger than {MAX_BYTES >> 20} MiB",
            hint="results are a few lines: cut out the part that holds them",
        )
    return Source(path, content, wall)
