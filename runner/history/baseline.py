"""The baseline of a profile: the runs that its later runs are compared with.

One small file for each profile, replaced atomically. It contains the ids of the runs and copies nothing, so a
baseline whose run was deleted differs from a baseline that was never set.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from runner.history.reports import load_report
from runner.run import layout
from runner.util import paths
from runner.util.bounds import Count, Wall
from runner.util.errors import UserError
from runner.util.files import make_folders, read_file, write_atomically
from runner.util.formatting import command

SCHEMA = 1


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a baseline file."""

    schema: Count = SCHEMA
    profile: str
    runs: tuple[str, ...]
    """ids; several runs are repeats"""
    set: Wall
    """when, seconds since 1970"""

    def run_dirs(self) -> list[Path]:
        """Return the directories of its runs.

        Raises:
            UserError: one of them was deleted.
        """
        found = [paths.runs_dir() / run for run in self.runs]
        for run_dir in found:
            if not (run_dir / layout.PLAN).is_file():
                raise UserError(
                    f"the baseline of {self.profile} cannot be used: run {run_dir.name} was deleted",
                    hint=f"`trtbench-tui baseline set RUN` sets another, `clear {self.profile}` none",
                )
        return found


def find_baseline(profile: str) -> Baseline | None:
    """Return the baseline of a profile; None if it has none, or one that this version cannot read."""
    return _read(_file(profile))


def list_baselines() -> list[Baseline]:
    """Return all baselines, sorted by profile."""
    try:
        files = sorted(paths.baselines_dir().glob("*.json"))
    except OSError:
        return []
    found = [baseline for file in files if (baseline := _read(file)) is not None]
    return sorted(found, key=lambda baseline: baseline.profile)


def set_baseline(run_dirs: Sequence[Path]) -> Baseline:
    """Make these runs the baseline of their profile.

    Raises:
        UserError: a run did not finish or is outside of the history, the runs have several profiles, or
            the file cannot be written.
    """
    profiles = set()
    for run_dir in run_dirs:
        found = load_report(run_dir)
        if found.status != "finished":
            raise UserError(f"{run_dir.name} is {found.status}; only a finished run can be a baseline")
        if run_dir.parent.resolve() != paths.runs_dir().resolve():
            raise UserError(
                f"{run_dir} is outside of the history",
                hint=f"`{command('archive', str(run_dir))}` and `import` add it",
            )
        profiles.add(found.profile)
    if len(profiles) != 1:
        raise UserError(
            f"all runs of a baseline must have one profile, not several: {', '.join(sorted(profiles))}"
        )
    baseline = Baseline(
        profile=profiles.pop(), runs=tuple(run_dir.name for run_dir in run_dirs), set=time.time()
    )
    file = _file(baseline.profile)
    try:
        make_folders(file.parent)
        write_atomically(file, msgspec.json.format(msgspec.json.encode(baseline)))
    except OSError as error:
        raise UserError(f"{file}: cannot write the baseline: {error.strerror}") from None
    return baseline


def clear_baseline(profile: str) -> None:
    """Remove the baseline of a profile; its runs are kept.

    Raises:
        UserError: it has none, or its file cannot be removed.
    """
    file = _file(profile)
    try:
        file.unlink()
    except FileNotFoundError:
        raise UserError(
            f"there is no baseline of {profile!r}", hint="`trtbench-tui baseline show` lists all of them"
        ) from None
    except OSError as error:
        raise UserError(f"{file}: cannot remove the baseline: {error.strerror}") from None


def _file(profile: str) -> Path:
    return paths.baselines_dir() / f"{quote(os.fsencode(profile), safe='')}.json"


def _read(file: Path) -> Baseline | None:
    try:
        return msgspec.json.decode(read_file(file), type=Baseline)
    except (OSError, *layout.UNREADABLE):
        return None
