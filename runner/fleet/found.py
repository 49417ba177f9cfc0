"""Runs and sweeps of other machines, as rows of the list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.fleet.mirror import mirror_dir
from runner.fleet.wire import RemoteRun
from runner.history.ordering import SORTS
from runner.history.run_entry import RunEntry
from runner.history.sweep_fold import SweepFold, fold_runs, sweep_totals


@dataclass(frozen=True)
class FoundRun:
    """A run of a host."""

    host: str
    run: RemoteRun

    @property
    def id(self) -> str:
        return self.run.run

    @property
    def entry(self) -> RunEntry:
        """The row of the list; its directory is that of the copy, which may not exist."""
        fields = {name: getattr(self.run, name) for name in self.run.__struct_fields__ if name != "where"}
        return RunEntry(**fields, run_dir=mirror_dir(self.host, self.id))


@dataclass(frozen=True)
class FoundSweep:
    """The listed runs of a sweep or a tuning of a host, as one row."""

    host: str
    entry: SweepFold
    runs: tuple[FoundRun, ...]

    @property
    def id(self) -> str:
        return self.entry.run


@dataclass(frozen=True)
class NamedSweep:
    """A sweep or a tuning of a host, which may have no run yet."""

    host: str
    id: str
    runs: tuple[FoundRun, ...]
    """the listed ones, newest first"""


def fold_host(host: str, runs: Sequence[RemoteRun]) -> list[FoundRun | FoundSweep]:
    """Return the runs of a host, newest first; those of a sweep are one row."""
    found = {run.id: run for run in (FoundRun(host, run) for run in runs)}
    entries = [run.entry for run in found.values()]
    return [
        FoundSweep(host, entry, tuple(found[run.run] for run in entry.runs))
        if isinstance(entry, SweepFold)
        else found[entry.run]
        for entry in fold_runs(entries, sweep_totals(entries), SORTS[0])
    ]
