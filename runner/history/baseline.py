"""The baseline of a profile: the runs that its later runs are held against.

One small file a profile beside the runs, replaced in one step. It names the runs and copies nothing, so a
baseline whose run was deleted is told apart from one that was never set.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from runner import paths
from runner.errors import UserError
from runner.history.reports import load_report
from runner.run import layout
from runner.util.files import read, write_atomically

SCHEMA = 1


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a baseline file."""

    schema: int = SCHEMA
    profile: str
    runs: tuple[str, ...]
    """ids; several are repeats of the same"""
    set: float
    """when, seconds since 1970"""

    def run_dirs(self) -> list[Path]:
        """The directories of its runs.

        Raises:
            UserError: one of them is gone.
        """
        found = [paths.runs_dir() / run for run in self.runs]
        for run_dir in found:
            if not (run_dir / layout.PLAN).is_file():
                raise UserError(
                    f"the baseline of {self.profile} is gone: there is no run {run_dir.name} any more",
                    hint=f"`trtbench-tui baseline set RUN` sets another, `clear {self.profile}` none",
                )
        return found


def of(profile: str) -> Baseline | None:
    """The baseline of a profile; None when it has none, or one that this version cannot read."""
    return _read(_file(profile))


def every() -> list[Baseline]:
    """All baselines, by profile."""
    try:
        files = sorted(paths.baselines_dir().glob("*.json"))
    except OSError:
        return []
    found = [baseline for file in files if (baseline := _read(file)) is not None]
    return sorted(found, key=lambda baseline: baseline.profile)


def set_to(run_dirs: Sequence[Path]) -> Baseline:
    """Make these runs the baseline of their profile.

    Raises:
        UserError: a run that did not finish or lies elsewhere, runs of several profiles, or no room to write.
    """
    profiles = set()
    for run_dir in run_dirs:
        found = load_report(run_dir)
        if found.status != "finished":
            raise UserError(f"{run_dir.name} is {found.status}; only a run that finished can be a baseline")
        if run_dir.parent.resolve() != paths.runs_dir().resolve():
            raise UserError(
                f"{run_dir} lies outside of the history",
                hint=f"`trtbench-tui archive {run_dir}` and `import` take it in",
            )
        profiles.add(found.profile)
    if len(profiles) != 1:
        raise UserError(f"these are runs of several profiles: {', '.join(sorted(profiles))}")
    baseline = Baseline(
        profile=profiles.pop(), runs=tuple(run_dir.name for run_dir in run_dirs), set=time.time()
    )
    file = _file(baseline.profile)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, msgspec.json.format(msgspec.json.encode(baseline)))
    except OSError as error:
        raise UserError(f"{file}: cannot write the baseline: {error.strerror}") from None
    return baseline


def clear(profile: str) -> None:
    """Forget the baseline of a profile; its runs stay.

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
        raise UserError(f"{file}: the baseline cannot be cleared: {error.strerror}") from None


def _file(profile: str) -> Path:
    return paths.baselines_dir() / f"{quote(os.fsencode(profile), safe='')}.json"


def _read(file: Path) -> Baseline | None:
    try:
        return msgspec.json.decode(read(file), type=Baseline)
    except (OSError, *layout.UNREADABLE):
        return None
