"""Runs that come from elsewhere: they appear in the history whole or not at all, and once."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from runner import paths
from runner.errors import UserError
from runner.run import layout

_PREFIX = ".incoming-"


class Arrived(NamedTuple):
    run_dir: Path
    new: bool
    """False: this very run was here already, and nothing was written"""


@contextlib.contextmanager
def incoming() -> Iterator[Path]:
    """A hidden directory among the runs to make one in; what is left in it at the end goes.

    What an import that was killed left there goes, too: its lock is free.

    Raises:
        OSError: the directory cannot be made.
    """
    root = paths.runs_dir()
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            free = layout.try_lock(left)
            if free is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(free)
    folder, lock = _new_folder(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new_folder(root: Path) -> tuple[Path, int]:
    """A directory and its lock; another import may take it for one that was left, then a new one is tried."""
    while True:
        folder = root / f"{_PREFIX}{secrets.token_hex(4)}"
        folder.mkdir()
        with contextlib.suppress(FileNotFoundError):
            lock = layout.try_lock(folder)
            if lock is not None:
                return folder, lock


def appear(made: Path, run: str) -> Path:
    """Move a run that is complete among the others, under its id, or under a new one when that is taken.

    Raises:
        OSError: it cannot be moved.
    """
    root, stem = paths.runs_dir(), run.rpartition("_")[0]
    while True:
        # A directory is never moved over one that has something in it; an empty one of that name is no run.
        try:
            os.rename(made, root / run)
        except OSError:
            if not os.path.lexists(root / run):
                raise
            run = f"{stem}_{secrets.token_hex(2)}"
        else:
            return root / run


def here_already(same: Callable[[Path], bool], likely: str = "") -> Path | None:
    """The run of the history that is the `same`; one of which that cannot be told is not.

    The run that has the `likely` id is asked first, the others from the newest on.
    """
    for run_dir in (*([paths.runs_dir() / likely] if likely else []), *layout.list_runs()):
        with contextlib.suppress(OSError, UserError):
            if same(run_dir):
                return run_dir
    return None
