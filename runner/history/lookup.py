"""Find a run by the name, id or path that a user types."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from runner.run.layout import PLAN, SAFE_NAME, list_names, list_runs, list_sweeps
from runner.util import paths
from runner.util.errors import UserError
from runner.util.formatting import command


def find_run(name: str) -> Path:
    """Find a run by `last`, its id, its name, a unique part of its id, or its directory.

    Raises:
        UserError: none or several match.
    """
    as_path = Path(os.path.expanduser(name))
    with contextlib.suppress(OSError):  # a name may be longer than a file name can be
        if (as_path / PLAN).is_file():
            return as_path.resolve()
    runs = list_runs() if name else []  # an empty name is part of every id
    if name == "last" and runs:
        return runs[0]
    exact = [run for run in runs if _has_id(run, name)]
    if not exact and SAFE_NAME.fullmatch(name) and name in list_names():
        exact = [paths.runs_dir() / name]
    found = exact or _find_by_label(name, runs) or [run for run in runs if name in run.name]
    if not found:
        _reject_other_kinds(name)
    return single_match(found, name, "run", "`trtbench-tui ls` lists all runs; `last` is the newest")


def _reject_other_kinds(name: str) -> None:
    from runner.history import trash  # rarely needed

    for deleted in trash.list_trash():
        if _has_id(deleted.path, name):
            restore = f"`{command('trash', 'restore', name)}` restores it"
            raise UserError(f"the run {deleted.run} is in the trash", hint=restore)
    for sweep in list_sweeps():
        if _has_id(sweep, name):
            runs = command("ls", "--unfold", "--filter", f"sweep:{name}")
            raise UserError(
                f"{sweep.name} is a sweep, but a run is needed",
                hint=f"`{runs}` lists its runs; `trtbench-tui sweeps show`, `stop` and `resume` take a sweep",
            )


def _has_id(path: Path, name: str) -> bool:
    """Check whether a name is the id of a run or sweep, or its suffix."""
    return path.name == name or path.name.endswith(f"_{name}")


def single_match(found: list[Path], name: str, what: str, where: str) -> Path:
    """Return the only match of a name.

    Raises:
        UserError: there is no match or more than one; the hint `where` explains how to list all.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(f"there is no {what} {name!r}", hint=where)
    shown = ", ".join(path.name for path in found[:4]) + (", ..." if len(found) > 4 else "")
    raise UserError(
        f"{name!r} matches {len(found)} {what}s: {shown}",
        hint="use a longer part of the id, or its last 4 characters",
    )


def _find_by_label(name: str, runs: list[Path]) -> list[Path]:
    """Return the runs with this name."""
    from runner.history.labels import Labels  # ids and directories, which are most, need none

    labels = Labels()
    labels.read()
    return [run for run in runs if labels.of(run.name).name == name]
