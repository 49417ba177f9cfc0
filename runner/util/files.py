"""Reading a file without waiting, and writing one whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` at the end, also after a power cut.

    A reader sees the old one or the whole new one; when anything fails, the old one stays and nothing else.
    Where `path` is a link, as settings kept in a repository are, the file that it leads to is replaced.

    Args:
        path: the file.
        mode: permissions where there is no old one, before the umask.

    Raises:
        OSError: it cannot be written.
    """
    path = _followed(path)
    temporary = temporary_of(path)
    try:
        with open(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb"
        ) as file:
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read(path: Path | str, most: int = -1) -> bytes:
    """The content of a file, of at `most` so many bytes; nothing keeps its reader waiting, a pipe is empty.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb", opener=_at_once) as file:
        return file.read(most) or b""


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def temporary_of(path: Path) -> Path:
    """Where the new one is until it is whole."""
    followed = _followed(path)
    return followed.with_name(f".{followed.name}.{os.getpid()}")


def _followed(path: Path) -> Path:
    """The file that a link leads to; any other path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file as `replacing` does."""
    with replacing(path, mode=mode) as file:
        file.write(content)
