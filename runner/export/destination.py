"""The destination of an export: standard output, or a file that is written completely or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from runner.util.console import binary_output
from runner.util.errors import UserError
from runner.util.files import atomic_writer, temporary_path


@contextlib.contextmanager
def open_output(path: Path | None) -> Iterator[BinaryIO]:
    """Open a binary file for writing; None is standard output. After an error, an existing file is unchanged.

    Raises:
        UserError: the file cannot be written, or its source cannot be read.
    """
    if path is None:
        out = binary_output()
        yield out
        out.flush()
        return
    # A pipe or a device is written directly; it must not be replaced by a file.
    special = path.exists() and not path.is_file()
    written = path if special else temporary_path(path)
    try:
        with open(path, "wb") if special else atomic_writer(path, mode=0o666) as file:
            yield file
    except OSError as error:
        # The error may come from a file that is being read; its name tells.
        is_output = error.filename is None or str(error.filename) == str(written)
        what = f"{path}: cannot be written" if is_output else f"{error.filename}: cannot be read"
        raise UserError(f"{what}: {error.strerror or error}") from None
