"""Where an export goes: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from runner.errors import UserError
from runner.util.files import replacing, temporary_of


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[BinaryIO]:
    """A binary file to write to; None: standard output. What fails on the way leaves an old file as it was.

    Raises:
        UserError: the file cannot be written, or what goes into it cannot be read.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # A pipe or a device is written to; nothing may take its place.
    special = path.exists() and not path.is_file()
    written = path if special else temporary_of(path)
    try:
        with open(path, "wb") if special else replacing(path) as file:
            yield file
    except OSError as error:
        # What is read on the way can fail, too; it has a name of its own.
        ours = error.filename is None or str(error.filename) == str(written)
        what = f"{path}: cannot be written" if ours else f"{error.filename}: cannot be read"
        raise UserError(f"{what}: {error.strerror or error}") from None
