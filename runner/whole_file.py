"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` at the end, also after a power cut.

    A reader sees the old one or the whole new one; when anything fails, the old one stays and nothing else.

    Args:
        path: the file.
        mode: permissions of the new one, before the umask.

    Raises:
        OSError: it cannot be written.
    """
    temporary = temporary_of(path)
    try:
        with open(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb"
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def temporary_of(path: Path) -> Path:
    """Where the new one is until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file as `replacing` does."""
    with replacing(path, mode=mode) as file:
        file.write(content)
