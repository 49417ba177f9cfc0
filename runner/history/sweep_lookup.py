"""Find sweeps by what the user types, and the runs of a sweep."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from runner.history.lookup import find_run, single_match
from runner.run import layout
from runner.run.layout import list_sweeps
from runner.util.errors import UserError

if TYPE_CHECKING:
    from runner.history.run_entry import RunEntry


FILTER = "sweep:"
"""the key of the term of a filter that names a sweep"""


def find_sweep(name: str) -> Path:
    """Find a sweep by `last`, its id, a unique part of its id, or its directory.

    An id may be written as the term of a filter, `sweep:5c61`.

    Raises:
        UserError: none or several match.
    """
    as_path = Path(os.path.expanduser(name))
    with contextlib.suppress(OSError):  # a name may be longer than a file name can be
        if (as_path / layout.SWEEP).is_file():
            return as_path.resolve()
    name = name.removeprefix(FILTER)
    known = list_sweeps() if name else []  # an empty name is part of every id
    if name == "last" and known:
        return known[0]
    exact = [path for path in known if path.name == name or path.name.endswith(f"_{name}")]
    found = exact or [path for path in known if name in path.name]
    where = "`trtbench-tui sweeps ls` lists all sweeps; `last` is the newest"
    if not found:
        _reject_run(name)
    return single_match(found, name, "sweep", where)


def _reject_run(name: str) -> None:
    try:
        run_dir = find_run(name)
        sweep = layout.load_plan(run_dir).sweep
    except UserError:
        return
    whose = f", of the sweep {sweep.sweep}" if sweep else ""
    raise UserError(
        f"{run_dir.name} is a run{whose}, but a sweep is needed",
        hint="`trtbench-tui show`, `stop` and `attach` take a run",
    )


def runs_of_sweep(sweep: str) -> list[RunEntry]:
    """Return the runs of a sweep on this machine, newest first."""
    from runner.history.reader import read_entries  # finding a sweep does not need it

    return [one for one in read_entries() if one.sweep is not None and one.sweep.sweep == sweep]
