"""Read a file without blocking; write a file completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

FILE_MODE, FOLDER_MODE = 0o644, 0o755
"""Permissions of what is trusted later: no umask lets others write it; a stricter umask still applies."""


def make_folders(path: Path) -> None:
    """Create a directory and its parents that do not exist yet.

    Raises:
        OSError: it cannot be created.
    """
    if not path.is_dir():
        make_folders(path.parent)
        try:
            path.mkdir(mode=FOLDER_MODE, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error


def system_text(path: Path) -> str:
    """Return the text of a file of the system; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def open_append(path: Path, mode: int = FILE_MODE) -> BinaryIO:
    """Open a file for appending, with these permissions if it is new.

    Raises:
        OSError: it cannot be opened.
    """
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, mode))


def open_new(path: Path, mode: int = FILE_MODE) -> BinaryIO:
    """Create a file for writing, with these permissions from the start.

    Raises:
        OSError: it exists or cannot be created.
    """
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, mode))


def write_new(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Create a file with a content.

    Raises:
        OSError: it exists or cannot be written.
    """
    with open_new(path, mode) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_writer(path: Path, *, mode: int = FILE_MODE, follow_link: bool = True) -> Iterator[BinaryIO]:
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
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _sync_folder(path: Path) -> None:
    """Bring the names in a directory to the disk, where the file system and the permissions allow it."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


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
    # The id of the thread is unique on the machine: two threads may write the same report.
    return path.with_name(f".{path.name}.{threading.get_native_id()}")


def _link_target(path: Path) -> Path:
    """Return the target of a symbolic link; any other path unchanged."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_atomically(path: Path, content: bytes, *, mode: int = FILE_MODE, follow_link: bool = True) -> None:
    """Write a file with `atomic_writer`."""
    with atomic_writer(path, mode=mode, follow_link=follow_link) as file:
        file.write(content)
