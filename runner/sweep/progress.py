"""How far a sweep is: the fold over its log that the conductor and every reader share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runner.plan.plan import Configuration
from runner.sweep.directory import AnyEntry, Begun, Ended, Measured, Refused, Settled, Started, Stopping
from runner.sweep.memory import Point, pruned
from runner.sweep.spec import Slot, Sweep

Status = Literal["starting", "running", "stopping", "finished", "stopped", "failed", "interrupted"]
ENDED: frozenset[Status] = frozenset({"finished", "stopped", "failed", "interrupted"})
_OPEN_AGAIN = ("stopped", "lost")


@dataclass(slots=True)
class RunNote:
    """A run of a sweep, as the log has it."""

    run: str
    slot: Slot
    configurations: list[Configuration]
    settled: Settled | None = None


@dataclass(slots=True)
class Progress:
    """What was started and what came out of it."""

    sweep: Sweep
    status: Status = "starting"
    why: str = ""
    """who stopped it, or what failed"""
    spec: str = ""
    """fingerprint of the sweep when it was taken up last; empty: not noted"""
    runs: dict[str, RunNote] = field(default_factory=dict)
    """by id, in the order of starting"""
    results: dict[tuple[Slot, Configuration], Measured] = field(default_factory=dict)
    ran_out: dict[Point, Slot] = field(default_factory=dict)
    """what ran out of memory, and where first"""
    unmade: dict[str, str] = field(default_factory=dict)
    """what a run failed to make (`making.failed_making`), and in which run and how, in words"""
    began: float | None = None
    """when the present conductor took it up; None: nobody did yet"""
    earlier_s: float = 0.0
    """how long earlier conductors worked on it"""
    last: float = 0.0
    """when the last entry of a conductor at work was written"""
    _pruned: dict[Point, str] = field(default_factory=dict)
    _pruned_by: int = 0

    def apply_all(self, entries: Iterable[AnyEntry]) -> list[AnyEntry]:
        """Take in entries in the order of the log; returns those that are about cells of this sweep."""
        taken = [entry for entry in entries if getattr(entry, "cell", 0) < len(self.sweep.cells)]
        for entry in taken:
            rested = self.status in ENDED
            self._apply(entry)
            # What a conductor finds before it begins is no part of the time that the one before it worked.
            if not (rested and self.status in ENDED):
                self.last = entry.wall
        return taken

    def _apply(self, entry: AnyEntry) -> None:
        match entry:
            case Begun():
                self.status, self.why, self.spec = "running", "", entry.spec
                if self.began is not None:
                    self.earlier_s += max(0.0, self.last - self.began)
                self.began = entry.wall
                again = (*_OPEN_AGAIN, "failed") if entry.failed_too else _OPEN_AGAIN
                if entry.failed_too:
                    self.unmade.clear()
                self.results = {key: one for key, one in self.results.items() if one.outcome not in again}
            case Started():
                slot = Slot(entry.cell, entry.repeat)
                self.runs[entry.run] = RunNote(entry.run, slot, entry.configurations)
            case Refused():
                for one in entry.configurations:
                    failed = Measured(configuration=one, outcome="failed", why=entry.why)
                    self.results[Slot(entry.cell, entry.repeat), one] = failed
            case Settled():
                self._settle(entry)
            case Stopping():
                self.status, self.why = "stopping", entry.by
            case Ended():
                self.status = entry.status
                self.why = entry.why or self.why

    def _settle(self, entry: Settled) -> None:
        slot = Slot(entry.cell, entry.repeat)
        if entry.run in self.runs:
            self.runs[entry.run].settled = entry
        if entry.unmade:
            why = next((one.why for one in entry.measured if one.why), "it failed")
            self.unmade[entry.unmade] = f"run {entry.run.rpartition('_')[2]} failed to make the same ({why})"
        for one in entry.measured:
            self.results[slot, one.configuration] = one
            if one.outcome == "memory":
                self.ran_out.setdefault((slot.cell, one.configuration), slot)

    @property
    def pruned(self) -> dict[Point, str]:
        """What need not be tried because something smaller ran out of memory, and why in words."""
        if self._pruned_by != len(self.ran_out):
            self._pruned, self._pruned_by = pruned(self.sweep, self.ran_out), len(self.ran_out)
        return self._pruned

    def elapsed_s(self, now: float | None) -> float:
        """How long conductors have worked on it; `now`: seconds since 1970 while one does, else None."""
        if self.began is None:
            return 0.0
        return self.earlier_s + max(0.0, (now or self.last) - self.began)

    @property
    def under_way(self) -> RunNote | None:
        """The run that was started last and is not settled."""
        return next((note for note in reversed(self.runs.values()) if note.settled is None), None)

    def why_not(self, slot: Slot, one: Configuration) -> str:
        """Why a configuration is passed over in this repeat; empty: it is not, or it was measured.

        One that ran out of memory in an earlier repeat is not tried again.
        """
        point = (slot.cell, one)
        first = self.ran_out.get(point)
        if first is not None and first != slot:
            return f"not tried: ran out of memory in repeat {first.repeat + 1}"
        return self.pruned.get(point, "")

    def left(self, slot: Slot) -> list[Configuration]:
        """The configurations of a slot that are still to be measured."""
        return [
            one
            for one in self.sweep.cells[slot.cell].configurations
            if (slot, one) not in self.results and not self.why_not(slot, one)
        ]

    def measured_runs(self, cell: int) -> str:
        """The runs that measured something of a cell, with commas between: a side of a comparison."""
        return ",".join(
            note.run
            for note in self.runs.values()
            if note.slot.cell == cell
            and note.settled is not None
            and any(one.outcome == "done" for one in note.settled.measured)
        )

    def open_again(self) -> list[Measured]:
        """What was stopped or lost, which is measured when the sweep is taken up again."""
        return [one for one in self.results.values() if one.outcome in _OPEN_AGAIN]

    def deleted(self, runs_dir: Path) -> list[RunNote]:
        """Runs that measured something and are not there any more, with what only they measured."""
        measured_in = {
            (note.slot, one.configuration): note.run
            for note in self.runs.values()
            if note.settled is not None
            for one in note.settled.measured
            if one.outcome == "done"
        }
        gone: dict[str, RunNote] = {}
        for (slot, one), run in measured_in.items():
            result = self.results.get((slot, one))
            if result is not None and result.outcome == "done" and not (runs_dir / run).is_dir():
                gone.setdefault(run, RunNote(run, slot, [])).configurations.append(one)
        return list(gone.values())

    def failures(self) -> list[Measured]:
        """What failed for another reason than memory."""
        return [one for one in self.results.values() if one.outcome == "failed"]
