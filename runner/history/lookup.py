"""Finding a run by what a person types."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from runner import paths
from runner.errors import UserError
from runner.history import trash
from runner.history.labels import Labels
from runner.run.layout import PLAN, list_names, list_runs, list_sweeps


def find_run(name: str) -> Path:
    """A run by `last`, its id, the name that somebody gave it, a unique part of its id, or its directory.

    Raises:
        UserError: none or several match.
    """
    as_path = Path(os.path.expanduser(name))
    with contextlib.suppress(OSError):  # a name may be longer than any file's
        if (as_path / PLAN).is_file():
            return as_path.resolve()
    runs = list_runs() if name else []  # nothing is a part of every id, and names no run
    if name == "last" and runs:
        return runs[0]
    exact = [run for run in runs if _is_called(run, name)]
    if not exact and name in list_names():
        exact = [paths.runs_dir() / name]
    found = exact or _named(name, runs) or [run for run in runs if name in run.name]
    if not found:
        _refuse_what_is_no_run(name)
    return the_one(found, name, "run", "`trtbench-tui ls` lists all runs; `last` is the newest")


def _refuse_what_is_no_run(name: str) -> None:
    for deleted in trash.listed():
        if _is_called(deleted.path, name):
            restore = f"`trtbench-tui trash restore {name}` brings it back"
            raise UserError(f"the run {deleted.run} is in the trash", hint=restore)
    for sweep in list_sweeps():
        if _is_called(sweep, name):
            raise UserError(
                f"{sweep.name} is a sweep, and this takes a run",
                hint=f"`trtbench-tui ls --filter sweep:{name}` lists its runs; `trtbench-tui sweeps show`,"
                " `stop` and `resume` take a sweep",
            )


def _is_called(path: Path, name: str) -> bool:
    """Whether this is the id of a run or a sweep, or its last letters."""
    return path.name == name or path.name.endswith(f"_{name}")


def the_one(found: list[Path], name: str, what: str, where: str) -> Path:
    """The only one of what was found under a name.

    Raises:
        UserError: none or several were found; `where` says how to see all.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(f"there is no {what} {name!r}", hint=where)
    shown = ", ".join(path.name for path in found[:4]) + (", ..." if len(found) > 4 else "")
    raise UserError(
        f"{name!r} fits {len(found)} {what}s: {shown}", hint="give more of the name, or its last 4 letters"
    )


def _named(name: str, runs: list[Path]) -> list[Path]:
    """The runs that somebody gave this name."""
    labels = Labels()
    labels.read()
    return [run for run in runs if labels.of(run.name).name == name]
