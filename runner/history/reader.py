"""The list of all runs; reading it repeatedly is cheap."""

from __future__ import annotations

import os
import time

import msgspec

from runner.history import index
from runner.history.disk_usage import disk_use
from runner.history.labels import Labels
from runner.history.run_entry import RunEntry, entry_of, read_facts
from runner.run import layout
from runner.util import paths


def read_entries(*, disk: bool = False) -> list[RunEntry]:
    """Return all runs, newest first. Runs whose supervisor died are finalised and listed as lost."""
    return RunHistory().entries(disk=disk)


class RunHistory:
    """The list of runs for a reader that asks repeatedly.

    An ended run never changes, so it is read once and cached in an index on disk. A call costs one `stat` of
    the directory of runs, the first call one more for each report, and the logs of running runs.
    """

    def __init__(self) -> None:
        self._root = paths.runs_dir()
        self._stored: dict[str, index.IndexedRun] | None = None
        self._ended: dict[str, RunEntry] = {}
        self._listed: list[str] = []
        self._changed: int | None = None
        self._labels = Labels()

    def entries(self, newest: int | None = None, *, disk: bool = False) -> list[RunEntry]:
        """Return all runs, or the `newest` ones, newest first; then entries that are no runs.

        Args:
            newest: maximum number of runs to read.
            disk: measure the disk usage, for a running run at every call.
        """
        if self._stored is None:
            self._stored = index.load_index(paths.history_index())
        if self._labels.read():
            self._ended.clear()
        changed_index = False
        found = []
        for name in self._names()[:newest]:
            entry = self._ended.get(name)
            if entry is None or (disk and entry.disk is None):
                entry, new = self._read_entry(name, disk)
                changed_index |= new
            found.append(entry)
        if changed_index:
            self._save()
        return found

    def _read_entry(self, name: str, disk: bool) -> tuple[RunEntry, bool]:
        """Return the entry of a run, and whether the index has to be saved."""
        assert self._stored is not None
        run_dir = self._root / name
        # Only a run with a report has ended: a directory that is being created looks like a lost run.
        stamp = index.stamp_of(f"{run_dir}/{layout.REPORT}")
        stored = self._stored.get(name) if stamp else None
        changed_index = False
        if stored is not None and stored.stamp == stamp:
            entry = entry_of(run_dir, stored.facts)
        else:
            facts = read_facts(run_dir)
            entry = entry_of(run_dir, facts)
            stored = None
            if stamp and entry.ended:
                stored = self._stored[name] = index.IndexedRun(stamp, facts)
                changed_index = True
        if disk:
            if stored is None:
                entry = msgspec.structs.replace(entry, disk=disk_use(run_dir))
            elif stored.disk is None:
                stored.disk = disk_use(run_dir)
                changed_index = True
        label = self._labels.by_run.get(name)
        if label is not None:
            entry = msgspec.structs.replace(entry, name=label.name, tags=label.tags, note=label.note)
        if stored is not None:
            if stored.disk is not None:
                entry = msgspec.structs.replace(entry, disk=stored.disk)
            self._ended[name] = entry
        return entry, changed_index

    def _save(self) -> None:
        assert self._stored is not None
        # Other processes write the index, too, and may have measured values that this one did not.
        for name, theirs in index.load_index(paths.history_index()).items():
            ours = self._stored.setdefault(name, theirs)
            if ours.disk is None and ours.stamp == theirs.stamp:
                ours.disk = theirs.disk
        listed = set(self._listed)
        self._stored = {name: stored for name, stored in self._stored.items() if name in listed}
        index.save_index(paths.history_index(), self._stored)

    def _names(self) -> list[str]:
        try:
            changed = os.stat(self._root).st_mtime_ns
        except OSError:
            return []
        # Adding or removing a run changes the modification time of the directory. Within one second of it,
        # a further change may have the same time.
        if changed != self._changed or time.time_ns() - changed < 1_000_000_000:
            self._listed = layout.list_names()
            listed = set(self._listed)
            self._ended = {name: entry for name, entry in self._ended.items() if name in listed}
            self._changed = changed
        return self._listed
