"""What the list of runs reads of the runs in view only: changes since the previous run, and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runner.compare.run_changes import (
    FIRST,
    RunChange,
    RunConditions,
    changes_between,
    changes_text,
    previous_runs,
    read_conditions,
)
from runner.history.reports import load_report
from runner.history.run_entry import RunEntry
from runner.history.sweep_fold import SweepFold
from runner.report.result_table import list_flags
from runner.util.errors import UserError
from tui.framework.run_header import short_id
from tui.screens.runs.run_preview import PreviewData

MOST_WARNINGS = 5


class RunInsights:
    """Caches what was read; `read` runs in a worker, everything else in the event loop."""

    def __init__(self) -> None:
        self.reading = False
        """a worker is reading"""
        self.texts: dict[str, str] = {}
        """what changed since the previous run, in one line, by run"""
        self._changes: dict[str, tuple[str, Sequence[RunChange]]] = {}
        """id of the previous run and the changes since it, by run"""
        self._warnings: dict[str, tuple[str, ...]] = {}
        self._previous: dict[str, RunEntry] = {}
        self._conditions: dict[str, RunConditions] = {}

    def set_runs(self, entries: Iterable[RunEntry]) -> None:
        """Take the runs of a new reading; what was read of ended runs stays valid."""
        entries = list(entries)
        self._previous = previous_runs(entries)
        ended = {entry.run for entry in entries if entry.ended}
        for known in (self.texts, self._changes, self._warnings, self._conditions):
            for run in [run for run in known if run not in ended]:
                del known[run]
        for run, (before, _) in list(self._changes.items()):
            previous = self._previous.get(run)
            if (previous.run if previous else "") != before:
                del self._changes[run], self.texts[run]

    def missing(self, visible: Iterable[RunEntry], current: RunEntry | None) -> list[RunEntry]:
        """Return the runs to read: those in view, the selected one first."""
        shown = [entry for entry in visible if not isinstance(entry, SweepFold) and not entry.foreign]
        wanted = [entry for entry in shown if entry.run not in self.texts]
        if current in shown and current is not None and current.run not in self._warnings:
            wanted = [current, *(entry for entry in wanted if entry != current)]
        return wanted

    def read(self, wanted: Sequence[RunEntry]) -> None:
        """Read the changes of runs, and the warnings of the first one."""
        for entry in wanted:
            before = self._previous.get(entry.run)
            if before is None:
                self._changes[entry.run], self.texts[entry.run] = ("", ()), FIRST
                continue
            found = changes_between(self._conditions_of(before), self._conditions_of(entry))
            self._changes[entry.run] = (before.run, found)
            self.texts[entry.run] = changes_text(found)
        if wanted:
            self._warnings[wanted[0].run] = _warnings(wanted[0])

    def _conditions_of(self, entry: RunEntry) -> RunConditions:
        if entry.run not in self._conditions:
            self._conditions[entry.run] = read_conditions(entry)
        return self._conditions[entry.run]

    def preview(self, entry: RunEntry) -> PreviewData:
        """Return what the preview shows of a run, as far as it was read."""
        before, changes = self._changes.get(entry.run, ("", None))
        return PreviewData(
            entry,
            changes if before else None,
            short_id(before),
            self._warnings.get(entry.run, ()),
        )


def _warnings(entry: RunEntry) -> tuple[str, ...]:
    if not entry.ended:
        return ()
    try:
        return tuple(list_flags(load_report(entry.run_dir))[:MOST_WARNINGS])
    except UserError:
        return ()
