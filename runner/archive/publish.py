"""Add an imported run to the history: completely or not at all, and only once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from runner.history import labels
from runner.run import layout
from runner.util import paths
from runner.util.errors import UserError
from runner.util.files import FOLDER_MODE, make_folders

_PREFIX = ".incoming-"
"""Start of the name of a staging directory."""


class PublishedRun(NamedTuple):
    """A run of the history that an import added or found."""

    run_dir: Path
    new: bool
    """False: the run already was in the history, and nothing was written"""


@contextlib.contextmanager
def staging_dir() -> Iterator[Path]:
    """Create a hidden directory to build a run in; it is deleted at the end, with what is still in it.

    Directories of killed imports are deleted too; their locks are free.

    Raises:
        OSError: the directory cannot be created.
    """
    root = paths.runs_dir()
    make_folders(root)
    for abandoned in root.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            free = layout.try_lock(abandoned)
            if free is not None:
                shutil.rmtree(abandoned, ignore_errors=True)
                os.close(free)
    folder, lock = _new_folder(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new_folder(root: Path) -> tuple[Path, int]:
    """Create a directory and lock it; retry if another import deletes it before it is locked."""
    while True:
        folder = root / f"{_PREFIX}{secrets.token_hex(4)}"
        folder.mkdir(mode=FOLDER_MODE)
        with contextlib.suppress(FileNotFoundError):
            lock = layout.try_lock(folder)
            if lock is not None:
                return folder, lock


def publish_once(
    staged: Path,
    run: str,
    is_same: Callable[[Path], bool] | None,
    label: labels.Label = labels.UNLABELLED,
) -> PublishedRun:
    """Move a complete run into the history, unless it is there already; of several imports at once, one does.

    Args:
        staged: the directory of the complete run.
        run: the wanted id; a new one is chosen if it is taken.
        is_same: recognises the run in the history, as for `find_existing`; None: add it in any case.
        label: name, tags and note of the run.

    Raises:
        OSError: the directory cannot be moved.
        UserError: the label is invalid or cannot be written; then the run is not added.
    """
    with _exclusive(paths.runs_dir()):
        existing = find_existing(is_same, run) if is_same is not None else None
        return PublishedRun(existing or _publish(staged, run, label), new=existing is None)


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Lock a directory; where directories cannot be locked (some network file systems), do nothing."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _publish(staged: Path, run: str, label: labels.Label) -> Path:
    root, stem = paths.runs_dir(), run.rpartition("_")[0]
    while True:
        if not os.path.lexists(root / run):
            labels.put(run, label)  # first, so that no reader sees the run without it
            # rename() does not replace a directory that contains files.
            try:
                os.rename(staged, root / run)
            except OSError:
                labels.forget([run])
                if not os.path.lexists(root / run):
                    raise
            else:
                return root / run
        run = f"{stem}_{secrets.token_hex(2)}"


def find_existing(is_same: Callable[[Path], bool], likely: str = "") -> Path | None:
    """Return the run of the history for which `is_same` holds; runs that cannot be read are skipped.

    The run with the id `likely` is checked first, then the others, newest first.
    """
    for run_dir in (*([paths.runs_dir() / likely] if likely else []), *layout.list_runs()):
        with contextlib.suppress(OSError, UserError):
            if is_same(run_dir):
                return run_dir
    return None
