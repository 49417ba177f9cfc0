"""Where the runs of a sweep and their reports are: on this machine, or in the copies of another one's.

The copy of a sweep (`runner.fleet.mirror`) has the reports of its ended runs, because most of these runs are
not copied, and a file with what only its own machine knows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from runner.history.reports import load_report
from runner.report.files import read_report_file
from runner.report.model import Report
from runner.run.layout import UNREADABLE
from runner.run.liveness import is_mirror, mirror_problem
from runner.util import paths
from runner.util.disk import wait_reason
from runner.util.errors import UserError
from runner.util.files import read_file

COPIES = ".sweeps"
"""end of the name of the folder with the copies of a host's sweeps, next to the folder of its runs"""
STATE = ".state.json"
"""in the copy of a sweep: its `SweepNow`"""


class SweepNow(msgspec.Struct, frozen=True):
    """What is not in the log of a sweep, of the copy of one."""

    running: bool = True
    """a sweep runner is alive"""
    waiting: str = ""
    """why the next run cannot start yet; empty: it can"""
    ahead_s: float = 0.0
    """how far the clock of the other machine is ahead of that of this one"""


@dataclass(frozen=True)
class SweepFiles:
    """The files of a sweep that are not in its directory, if it is one of this machine."""

    directory: Path
    is_copy: bool
    """of a sweep of another machine"""

    def run_dir(self, run: str) -> Path:
        """Return the directory of a run, which may not exist."""
        if not self.is_copy:
            return paths.runs_dir() / run
        folder = self.directory.parent
        return folder.with_name(folder.name.removesuffix(COPIES)) / run

    def report(self, run: str) -> Report:
        """Return the report of an ended run.

        Raises:
            UserError: the run was deleted, or cannot be read.
        """
        if not self.is_copy:
            return load_report(self.run_dir(run))
        found = read_report_file(self.directory / report_name(run))
        if found is None:
            raise UserError(f"run {run} was deleted on its machine")
        return found

    def now(self) -> float:
        """Return the time in seconds since 1970 on the clock of the log."""
        return time.time() + (sweep_now(self.directory).ahead_s if self.is_copy else 0.0)

    def wait_reason(self) -> str:
        """Return why the next run cannot start yet; empty: it can."""
        return sweep_now(self.directory).waiting if self.is_copy else wait_reason(self.directory)

    def cut_off(self) -> str:
        """Return why nothing new arrives of a copied sweep; empty: news arrive, or it is not a copy."""
        return mirror_problem(self.directory) if self.is_copy else ""


def sweep_files(directory: Path) -> SweepFiles:
    return SweepFiles(directory, is_mirror(directory))


def sweep_now(directory: Path) -> SweepNow:
    """Return what the other machine said last about a copied sweep; until then, it counts as running."""
    try:
        return msgspec.json.decode(read_file(directory / STATE), type=SweepNow)
    except (OSError, *UNREADABLE):
        return SweepNow()


def report_name(run: str) -> str:
    """Return the name of the report of a run in the copy of its sweep."""
    return f"{run}.json"
