"""The list of all runs, read again and again at little cost."""

from __future__ import annotations

import os
import time

import msgspec

from runner import paths
from runner.history import index
from runner.history.disk_usage import disk_use
from runner.history.labels import Labels
from runner.history.run_entry import Entry, as_entry, read_facts
from runner.run import layout


def read_entries(*, disk: bool = False) -> list[Entry]:
    """All runs, newest first. Runs that lost their supervisor are cleaned up and shown as lost."""
    return History().entries(disk=disk)


class History:
    """The list of runs for a reader who asks again and again.

    A run that ended is read once, because nothing of it changes any more, and remembered in an index on disk.
    So asking costs one look at the directory of runs, one at the report of each run the first time, and the
    reading of those that are under way.
    """

    def __init__(self) -> None:
        self._root = paths.runs_dir()
        self._stored: dict[str, index.Stored] | None = None
        self._ended: dict[str, Entry] = {}
        self._listed: list[str] = []
        self._changed: int | None = None
        self._labels = Labels()

    def entries(self, newest: int | None = None, *, disk: bool = False) -> list[Entry]:
        """All runs, or the `newest` so many, newest first; behind them what is no run.

        Args:
            newest: read no more than this many.
            disk: find out how much room each takes; of a run under way, anew each time.
        """
        if self._stored is None:
            self._stored = index.load(paths.history_index())
        if self._labels.read():
            self._ended.clear()
        learnt = False
        found = []
        for name in self._names()[:newest]:
            entry = self._ended.get(name)
            if entry is None or (disk and entry.disk is None):
                entry, new = self._look(name, disk)
                learnt |= new
            found.append(entry)
        if learnt:
            self._save()
        return found

    def _look(self, name: str, disk: bool) -> tuple[Entry, bool]:
        """The row of a run, and whether something of it is to be remembered that was not known."""
        assert self._stored is not None
        run_dir = self._root / name
        # Only what has a report is over: a directory that is just being made looks like a lost run.
        stamp = index.stamp_of(f"{run_dir}/{layout.REPORT}")
        stored = self._stored.get(name) if stamp else None
        learnt = False
        if stored is not None and stored.stamp == stamp:
            entry = as_entry(run_dir, stored.facts)
        else:
            facts = read_facts(run_dir)
            entry = as_entry(run_dir, facts)
            stored = None
            if stamp and entry.ended:
                stored = self._stored[name] = index.Stored(stamp, facts)
                learnt = True
        if disk:
            if stored is None:
                entry = msgspec.structs.replace(entry, disk=disk_use(run_dir))
            elif stored.disk is None:
                stored.disk = disk_use(run_dir)
                learnt = True
        label = self._labels.by_run.get(name)
        if label is not None:
            entry = msgspec.structs.replace(entry, name=label.name, tags=label.tags, note=label.note)
        if stored is not None:
            if stored.disk is not None:
                entry = msgspec.structs.replace(entry, disk=stored.disk)
            self._ended[name] = entry
        return entry, learnt

    def _save(self) -> None:
        assert self._stored is not None
        # Others learn too, and may have found out what we did not ask for.
        for name, theirs in index.load(paths.history_index()).items():
            ours = self._stored.setdefault(name, theirs)
            if ours.disk is None and ours.stamp == theirs.stamp:
                ours.disk = theirs.disk
        listed = set(self._listed)
        self._stored = {name: stored for name, stored in self._stored.items() if name in listed}
        index.save(paths.history_index(), self._stored)

    def _names(self) -> list[str]:
        try:
            changed = os.stat(self._root).st_mtime_ns
        except OSError:
            return []
        # Coming and going of runs changes the time of the directory that holds them. A time of just now may
        # stand for one more change within the same tick of the clock.
        if changed != self._changed or time.time_ns() - changed < 1_000_000_000:
            self._listed = layout.list_names()
            listed = set(self._listed)
            self._ended = {name: entry for name, entry in self._ended.items() if name in listed}
            self._changed = changed
        return self._listed
