"""Deleted runs, which can be restored until the trash is emptied.

A run lies in `.trash/<UTC time of deletion>/<its id>`: moving it in and out is one rename each, so a run is
always in one place, whole, and the time of deletion needs no file of its own.
"""

from __future__ import annotations

import calendar
import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner import paths
from runner.errors import UserError
from runner.history import labels
from runner.run import layout

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Trashed:
    """A deleted run."""

    path: Path
    deleted: float
    """seconds since 1970; 0.0 when nobody knows"""

    @property
    def run(self) -> str:
        return self.path.name


def delete(run_dirs: Sequence[Path]) -> list[Trashed]:
    """Move runs to the trash; all of them, or none.

    Raises:
        UserError: one of them is under way or gone, or cannot be moved.
    """
    for run_dir in run_dirs:
        _refuse_what_is_under_way(run_dir)
    wall = time.time()
    place = paths.trash_dir() / time.strftime(_STAMP, time.gmtime(wall))
    moved: list[Trashed] = []
    for run_dir in run_dirs:
        try:
            place.mkdir(parents=True, exist_ok=True)
            if (place / run_dir.name).exists():
                raise FileExistsError(errno.EEXIST, "one of this id just went there; say it again")
            os.rename(run_dir, place / run_dir.name)
        except OSError as error:
            stuck = [trashed.run for trashed in moved if not _is_moved_back(trashed)]
            left = f"; moved there before, and not back again: {', '.join(stuck)}" if stuck else ""
            raise UserError(f"{run_dir}: cannot be moved to the trash: {error.strerror}{left}") from None
        moved.append(Trashed(place / run_dir.name, wall))
    return moved


def _is_moved_back(trashed: Trashed) -> bool:
    try:
        os.rename(trashed.path, paths.runs_dir() / trashed.run)
    except OSError:
        return False
    return True


def _refuse_what_is_under_way(run_dir: Path) -> None:
    from runner.history.run_entry import read_entry

    if not os.path.lexists(run_dir):
        raise UserError(f"there is no run {run_dir.name!r} any more")
    if run_dir.parent != paths.runs_dir():
        raise UserError(f"{run_dir} does not lie among the runs in {paths.runs_dir()}; it is left alone")
    found = read_entry(run_dir)
    if not found.ended:
        raise UserError(
            f"{run_dir.name} is under way ({found.status}) and cannot be deleted",
            hint=f"`trtbench-tui stop {run_dir.name.rpartition('_')[2]}` ends it",
        )


def listed() -> list[Trashed]:
    """Deleted runs, the one deleted last first."""
    found = []
    with contextlib.suppress(OSError):
        for stamp in paths.trash_dir().iterdir():
            with contextlib.suppress(OSError):
                found += [Trashed(path, _seconds(stamp.name)) for path in stamp.iterdir()]
    return sorted(found, key=lambda trashed: (trashed.deleted, trashed.run), reverse=True)


def _seconds(stamp: str) -> float:
    try:
        return float(calendar.timegm(time.strptime(stamp, _STAMP)))
    except ValueError:
        return 0.0


def find(name: str) -> Trashed:
    """A deleted run by its id or a unique part of it; `last` is the one deleted last.

    Raises:
        UserError: none or several match.
    """
    every = listed() if name else []  # nothing is a part of every id, and names no run
    if name == "last" and every:
        return every[0]
    exact = [trashed for trashed in every if trashed.run == name or trashed.run.endswith(f"_{name}")]
    found = exact or [trashed for trashed in every if name in trashed.run]
    if not found:
        raise UserError(f"there is no run {name!r} in the trash", hint="`trtbench-tui trash ls` lists it")
    if len({trashed.run for trashed in found}) > 1:
        shown = ", ".join(trashed.run for trashed in found[:4]) + (", ..." if len(found) > 4 else "")
        raise UserError(f"{name!r} fits {len(found)} deleted runs: {shown}")
    return found[0]


def restore(trashed: Trashed) -> Path:
    """Put a deleted run back where it was; returns its directory.

    Raises:
        UserError: a run of this id is there, or it cannot be moved.
    """
    back = paths.runs_dir() / trashed.run
    if os.path.lexists(back):
        raise UserError(f"{back} is there already; the deleted one stays in the trash")
    try:
        os.rename(trashed.path, back)
    except OSError as error:
        raise UserError(f"{trashed.path}: cannot be restored: {error.strerror}") from None
    with contextlib.suppress(OSError):
        trashed.path.parent.rmdir()  # as soon as nothing else was deleted in that second
    return back


def empty(trash: Iterable[Trashed]) -> tuple[int, list[str]]:
    """Delete for good, with names, tags and notes.

    Returns:
        How many are gone, and for each of the others why it is not.
    """
    gone: list[str] = []
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
        gone.append(trashed.run)
        with contextlib.suppress(OSError):
            trashed.path.parent.rmdir()
    still_there = set(layout.list_names()) | {trashed.run for trashed in listed()}
    labels.forget(run for run in gone if run not in still_there)
    return len(gone), problems
