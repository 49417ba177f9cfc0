"""Read a file without blocking; write a file completely or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_writer(path: Path, *, mode: int = 0o666, follow_link: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` at the end of the block, durable across a power cut.

    Readers see the old file or the complete new one; on any error, only the old file remains. If `path` is a
    symbolic link, as for settings in a repository, its target is replaced.

    Args:
        path: the file.
        mode: permissions of a new file, before the umask.
        follow_link: False replaces a symbolic link itself, for a directory in which others can make links.

    Raises:
        OSError: it cannot be written.
    """
    path = _link_target(path) if follow_link else path
    temporary = _temporary_name(path)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(temporary, flags, mode), "wb") as file:
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


def read_file(path: Path | str, most: int = -1) -> bytes:
    """Return the content of a file, at most `most` bytes; never blocks: a pipe counts as empty.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb", opener=open_nonblocking) as file:
        return file.read(most) or b""


def open_nonblocking(path: str, flags: int) -> int:
    """Open a file for `open(..., opener=)` without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def temporary_path(path: Path) -> Path:
    """Return the path of the temporary file of `atomic_writer`."""
    return _temporary_name(_link_target(path))


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _link_target(path: Path) -> Path:
    """Return the target of a symbolic link; any other path unchanged."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666, follow_link: bool = True) -> None:
    """Write a file with `atomic_writer`."""
    with atomic_writer(path, mode=mode, follow_link=follow_link) as file:
        file.write(content)
