"""The progress of a sweep: the fold over its log, shared by the sweep runner and every reader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from runner.plan.plan import Configuration
from runner.sweep.directory import (
    AnyLogEntry,
    MeasuredConfiguration,
    SweepBegun,
    SweepCellAdded,
    SweepConfirming,
    SweepEnded,
    SweepRunEnded,
    SweepRunRefused,
    SweepRunStarted,
    SweepStopping,
)
from runner.sweep.out_of_memory import CellPoint, find_pruned
from runner.sweep.spec import Slot, SweepSpec

SweepStatus = Literal["starting", "running", "stopping", "finished", "stopped", "failed", "interrupted"]
ENDED: frozenset[SweepStatus] = frozenset({"finished", "stopped", "failed", "interrupted"})
_INTERRUPTED = ("stopped", "lost")
MEASURED = ("done", "decided")
"""outcomes with numbers"""


@dataclass(slots=True)
class SweepRun:
    """A run of a sweep, as recorded in the log."""

    run: str
    slot: Slot
    configurations: list[Configuration]
    begin: int = 1
    """number of the start of the sweep runner that started it"""
    ended: SweepRunEnded | None = None
    """None: the run is under way"""


@dataclass(slots=True)
class SweepProgress:
    """The runs of a sweep and the outcome of every configuration."""

    sweep: SweepSpec
    status: SweepStatus = "starting"
    why: str = ""
    """who stopped it, or what failed"""
    spec: str = ""
    """fingerprint of `sweep.json` at the last start; empty: not recorded"""
    runs: dict[str, SweepRun] = field(default_factory=dict)
    """by id, in the order of starting"""
    results: dict[tuple[Slot, Configuration], MeasuredConfiguration] = field(default_factory=dict)
    out_of_memory: dict[CellPoint, Slot] = field(default_factory=dict)
    """configurations that ran out of memory, and the first slot where that happened"""
    failed_artifacts: dict[str, str] = field(default_factory=dict)
    """key of an artifact that a run failed to make (`known_failures.failed_artifact_key`) -> run and cause"""
    confirming: SweepConfirming | None = None
    """the final comparison of a tuning; None: it has not begun"""
    begins: int = 0
    """how often a sweep runner started"""
    began: float | None = None
    """when the current sweep runner started; None: none has started yet"""
    earlier_s: float = 0.0
    """how long earlier sweep runners worked on it"""
    last: float = 0.0
    """when the last entry of a running sweep was written"""
    _pruned: dict[CellPoint, str] = field(default_factory=dict)
    _pruned_by: int = 0

    def apply_all(self, entries: Iterable[AnyLogEntry]) -> list[AnyLogEntry]:
        """Apply entries in the order of the log; return those about cells of this sweep."""
        taken = []
        for entry in entries:
            if max(_cells_of(entry)) >= len(self.sweep.cells):
                continue
            taken.append(entry)
            had_ended = self.status in ENDED
            self._apply(entry)
            # Entries that a sweep runner writes before it begins do not count as working time.
            if not (had_ended and self.status in ENDED):
                self.last = entry.wall
        return taken

    def _apply(self, entry: AnyLogEntry) -> None:
        match entry:
            case SweepBegun():
                self.status, self.why, self.spec = "running", "", entry.spec
                if self.began is not None:
                    self.earlier_s += max(0.0, self.last - self.began)
                self.began = entry.wall
                self.begins += 1
                again = (*_INTERRUPTED, "failed") if entry.failed_too else _INTERRUPTED
                if entry.failed_too:
                    self.failed_artifacts.clear()
                self.results = {key: one for key, one in self.results.items() if one.outcome not in again}
            case SweepCellAdded():
                if entry.added.number == len(self.sweep.cells):
                    self.sweep = msgspec.structs.replace(self.sweep, cells=[*self.sweep.cells, entry.added])
                    self._pruned_by = -1
            case SweepConfirming():
                self.confirming = entry
            case SweepRunStarted():
                slot = Slot(entry.cell, entry.repeat)
                run = SweepRun(entry.run, slot, entry.configurations, max(1, self.begins))
                self.runs[entry.run] = run
            case SweepRunRefused():
                for one in entry.configurations:
                    failed = MeasuredConfiguration(configuration=one, outcome="failed", why=entry.why)
                    self.results[Slot(entry.cell, entry.repeat), one] = failed
            case SweepRunEnded():
                self._end_run(entry)
            case SweepStopping():
                self.status, self.why = "stopping", entry.by
            case SweepEnded():
                self.status = entry.status
                self.why = entry.why or self.why

    def _end_run(self, entry: SweepRunEnded) -> None:
        slot = Slot(entry.cell, entry.repeat)
        if entry.run in self.runs:
            self.runs[entry.run].ended = entry
        if entry.unmade:
            why = next((one.why for one in entry.measured if one.why), "it failed")
            self.failed_artifacts[entry.unmade] = (
                f"run {entry.run.rpartition('_')[2]} failed to make the same ({why})"
            )
        for one in entry.measured:
            self.results[slot, one.configuration] = one
            if one.outcome == "memory":
                self.out_of_memory.setdefault((slot.cell, one.configuration), slot)

    @property
    def pruned(self) -> dict[CellPoint, str]:
        """Configurations that are not tried because a smaller one ran out of memory -> reason."""
        if self._pruned_by != len(self.out_of_memory):
            self._pruned, self._pruned_by = (
                find_pruned(self.sweep, self.out_of_memory),
                len(self.out_of_memory),
            )
        return self._pruned

    def elapsed_s(self, now: float | None) -> float:
        """Return how long the sweep ran in total; `now`: seconds since 1970 while it runs, else None."""
        if self.began is None:
            return 0.0
        return self.earlier_s + max(0.0, (now or self.last) - self.began)

    @property
    def current_run(self) -> SweepRun | None:
        """The run that was started last and has not ended."""
        return next((note for note in reversed(self.runs.values()) if note.ended is None), None)

    def skip_reason(self, slot: Slot, one: Configuration) -> str:
        """Return why a configuration is skipped in this repeat; empty: it is not, or it was measured.

        A configuration that ran out of memory in an earlier repeat is not tried again.
        """
        point = (slot.cell, one)
        first = self.out_of_memory.get(point)
        if first is not None and first != slot:
            return f"not tried: ran out of memory in repeat {first.repeat + 1}"
        return self.pruned.get(point, "")

    def remaining(self, slot: Slot) -> list[Configuration]:
        """Return the configurations of a slot that are not measured yet."""
        return [
            one
            for one in self.sweep.cells[slot.cell].configurations
            if (slot, one) not in self.results and not self.skip_reason(slot, one)
        ]

    def slots(self) -> list[Slot]:
        """Return every repeat of every cell that is known to be wanted, in the order of measuring.

        A tuning knows the repeats that it has started, and those of its final comparison.
        """
        if self.sweep.tune is None:
            return self.sweep.slots()
        known = dict.fromkeys(note.slot for note in self.runs.values())
        known |= dict.fromkeys(slot for slot, _ in self.results)
        return list(known | dict.fromkeys(self.comparison_slots()))

    def comparison_slots(self) -> list[Slot]:
        """Return the runs of the final comparison of a tuning: A B B A."""
        if self.confirming is None:
            return []
        both = (self.confirming.baseline, self.confirming.winner)
        return [
            Slot(both[side], self.confirming.before[side] + repeat)
            for repeat in range(self.confirming.repeats)
            for side in ((1, 0) if repeat % 2 else (0, 1))
        ]

    def search_runs(self) -> list[SweepRun]:
        """Return the ended runs of the search of a tuning, without those of the final comparison."""
        later = set(self.comparison_slots())
        return [note for note in self.runs.values() if note.ended is not None and note.slot not in later]

    def repeats(self, cell: int) -> int:
        """Return how many repeats of a cell there are, or will be."""
        if self.sweep.tune is None:
            return self.sweep.repeat
        return max((slot.repeat + 1 for slot in self.slots() if slot.cell == cell), default=1)

    def measured_runs(self, cell: int) -> str:
        """Return the runs that measured something of a cell, separated by commas: a side of a comparison."""
        return ",".join(
            note.run
            for note in self.runs.values()
            if note.slot.cell == cell
            and note.ended is not None
            and any(one.outcome in MEASURED for one in note.ended.measured)
        )

    def interrupted_results(self) -> list[MeasuredConfiguration]:
        """Return what was stopped or lost; a resumed sweep measures it again."""
        return [one for one in self.results.values() if one.outcome in _INTERRUPTED]

    def deleted_runs(self, runs_dir: Path) -> list[SweepRun]:
        """Return deleted runs, each with the configurations that only this run measured."""
        measured_in = {
            (note.slot, one.configuration): note.run
            for note in self.runs.values()
            if note.ended is not None
            for one in note.ended.measured
            if one.outcome in MEASURED
        }
        deleted: dict[str, SweepRun] = {}
        for (slot, one), run in measured_in.items():
            result = self.results.get((slot, one))
            if result is not None and result.outcome in MEASURED and not (runs_dir / run).is_dir():
                deleted.setdefault(run, SweepRun(run, slot, [])).configurations.append(one)
        return list(deleted.values())

    def failures(self) -> list[MeasuredConfiguration]:
        """Return what failed for another reason than memory."""
        return [one for one in self.results.values() if one.outcome == "failed"]


def _cells_of(entry: AnyLogEntry) -> tuple[int, ...]:
    """Return the numbers of the cells that an entry is about; a tuning may have lost the line of one."""
    match entry:
        case SweepRunStarted() | SweepRunRefused() | SweepRunEnded():
            return (entry.cell,)
        case SweepConfirming():
            return (entry.baseline, entry.winner)
        case _:
            return (0,)
