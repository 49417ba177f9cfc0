"""Deleted runs, which can be restored until the trash is emptied.

A deleted run is in `.trash/<UTC time of deletion>/<its id>`. Deleting and restoring are one rename each, so a
run is always complete in one place, and the time of deletion needs no extra file.
"""

from __future__ import annotations

import calendar
import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from runner.history import labels
from runner.run import layout
from runner.util import paths
from runner.util.errors import UserError
from runner.util.files import make_folders
from runner.util.formatting import command

_STAMP = "%Y%m%dT%H%M%SZ"


class TrashedRun(msgspec.Struct, frozen=True):
    """A deleted run."""

    path: Path
    deleted: float
    """seconds since 1970; 0.0: unknown"""

    @property
    def run(self) -> str:
        return self.path.name


def delete(run_dirs: Sequence[Path]) -> list[TrashedRun]:
    """Move runs to the trash; all of them, or none.

    Raises:
        UserError: one of them is running, does not exist, or cannot be moved.
    """
    for run_dir in run_dirs:
        _reject_running(run_dir)
    wall = time.time()
    folder = paths.trash_dir() / time.strftime(_STAMP, time.gmtime(wall))
    moved: list[TrashedRun] = []
    for run_dir in run_dirs:
        try:
            make_folders(folder)
            if (folder / run_dir.name).exists():
                raise FileExistsError(
                    errno.EEXIST, "a run with this id was deleted in the same second; try again"
                )
            os.rename(run_dir, folder / run_dir.name)
        except OSError as error:
            stuck = [trashed.run for trashed in moved if not _move_back(trashed)]
            left = f"; already moved, and could not be moved back: {', '.join(stuck)}" if stuck else ""
            raise UserError(f"{run_dir}: cannot be moved to the trash: {error.strerror}{left}") from None
        moved.append(TrashedRun(folder / run_dir.name, wall))
    return moved


def _move_back(trashed: TrashedRun) -> bool:
    try:
        os.rename(trashed.path, paths.runs_dir() / trashed.run)
    except OSError:
        return False
    return True


def _reject_running(run_dir: Path) -> None:
    from runner.history.run_entry import read_entry

    if not os.path.lexists(run_dir):
        raise UserError(f"the run {run_dir.name!r} does not exist any more")
    if run_dir.parent != paths.runs_dir():
        raise UserError(f"{run_dir} is not in {paths.runs_dir()}; only runs of the history can be deleted")
    found = read_entry(run_dir)
    if not found.ended:
        raise UserError(
            f"{run_dir.name} is running ({found.status}) and cannot be deleted",
            hint=f"`{command('stop', run_dir.name.rpartition('_')[2])}` stops it",
        )


def list_trash() -> list[TrashedRun]:
    """Return the deleted runs, most recently deleted first."""
    found = []
    with contextlib.suppress(OSError):
        for stamp in paths.trash_dir().iterdir():
            with contextlib.suppress(OSError):
                found += [TrashedRun(path, _seconds(stamp.name)) for path in stamp.iterdir()]
    return sorted(found, key=lambda trashed: (trashed.deleted, trashed.run), reverse=True)


def _seconds(stamp: str) -> float:
    try:
        return float(calendar.timegm(time.strptime(stamp, _STAMP)))
    except ValueError:
        return 0.0


def find_trashed(name: str) -> TrashedRun:
    """Find a deleted run by its id or a unique part of it; `last` is the most recently deleted.

    Raises:
        UserError: none or several match.
    """
    # An empty name is part of every id; the name of a directory that cannot be an id is not looked up.
    trash = [one for one in list_trash() if layout.SAFE_NAME.fullmatch(one.run)] if name else []
    if name == "last" and trash:
        return trash[0]
    exact = [trashed for trashed in trash if trashed.run == name or trashed.run.endswith(f"_{name}")]
    found = exact or [trashed for trashed in trash if name in trashed.run]
    if not found:
        raise UserError(f"there is no run {name!r} in the trash", hint="`trtbench-tui trash ls` lists it")
    if len({trashed.run for trashed in found}) > 1:
        shown = ", ".join(trashed.run for trashed in found[:4]) + (", ..." if len(found) > 4 else "")
        raise UserError(f"{name!r} matches {len(found)} deleted runs: {shown}")
    return found[0]


def restore(trashed: TrashedRun) -> Path:
    """Restore a deleted run and return its directory.

    Raises:
        UserError: a run with this id exists, or it cannot be moved.
    """
    back = paths.runs_dir() / trashed.run
    if os.path.lexists(back):
        raise UserError(f"{back} already exists; the deleted run stays in the trash")
    try:
        os.rename(trashed.path, back)
    except OSError as error:
        raise UserError(f"{trashed.path}: cannot be restored: {error.strerror}") from None
    with contextlib.suppress(OSError):
        trashed.path.parent.rmdir()  # only if no other run was deleted in that second
    return back


def empty(trash: Iterable[TrashedRun]) -> tuple[int, list[str]]:
    """Delete runs permanently, with their names, tags and notes.

    Returns:
        The number of deleted runs, and an error message for each run that could not be deleted.
    """
    deleted: list[str] = []
    problems: list[str] = []
    for trashed in trash:
        try:
            if trashed.path.is_dir() and not trashed.path.is_symlink():
                shutil.rmtree(trashed.path)
            else:
                trashed.path.unlink()
        except OSError as error:
            problems.append(f"{trashed.path / (error.filename or '')}: {error.strerror}")
            continue
        deleted.append(trashed.run)
        with contextlib.suppress(OSError):
            trashed.path.parent.rmdir()
    remaining = set(layout.list_names()) | {trashed.run for trashed in list_trash()}
    labels.forget(run for run in deleted if run not in remaining)
    return len(deleted), problems
