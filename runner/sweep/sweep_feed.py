"""Following a sweep: the one way in which screens and commands learn how it stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from runner import metrics, paths
from runner.errors import UserError
from runner.history.reports import load_report
from runner.history.run_feed import RunFeed, open_feed
from runner.plan.plan import Configuration, configuration_of
from runner.state.configuration import ConfigurationState
from runner.sweep import control
from runner.sweep.board import (
    Board,
    Point,
    PointState,
    RunRef,
    Values,
    board_axes,
    configurations,
    folded,
    place,
    point_label,
)
from runner.sweep.directory import AnyEntry, LogReader, load
from runner.sweep.progress import ENDED, Progress, RunNote, Status
from runner.sweep.room import no_room
from runner.sweep.spec import LENGTHS, Cell, Slot, Sweep, values_at

BUDGET_S = 0.2
_WORST: tuple[PointState, ...] = ("failed", "lost", "stopped", "memory", "pruned")


@dataclass
class SweepFeed:
    """Reads what is new in a sweep and makes its board; reports of ended runs are read once."""

    directory: Path
    sweep: Sweep = field(init=False)
    progress: Progress = field(init=False)
    _log: LogReader = field(init=False)
    _values: dict[str, dict[Configuration, Values] | None] = field(default_factory=dict)
    _live: RunFeed | None = None
    _unsaid: list[AnyEntry] = field(default_factory=list)
    """entries that were taken in and that nobody has drained yet"""

    def __post_init__(self) -> None:
        self.sweep = load(self.directory)
        self.progress = Progress(self.sweep)
        self._log = LogReader(self.directory)
        self._axes = board_axes(self.sweep)

    def drain(self) -> list[AnyEntry]:
        """Take in what the conductor wrote, and what the run under way did; returns the new entries."""
        self._take_in()
        self._follow_run()
        entries, self._unsaid = self._unsaid, []
        return entries

    def _take_in(self) -> None:
        self._unsaid += self.progress.apply_all(self._log.read())

    @property
    def gone(self) -> bool:
        return not self.directory.is_dir()

    @property
    def status(self) -> Status:
        """As the log has it, or `interrupted` when nobody conducts a sweep that has not ended."""
        status = self.progress.status
        if status in ENDED or control.is_conducted(self.directory):
            return status
        self._take_in()  # it may have ended between the two looks
        return self.progress.status if self.progress.status in ENDED else "interrupted"

    @property
    def waits_for(self) -> str:
        """What keeps the next run from starting, in words; empty: nothing."""
        between = self.progress.status == "running" and self.progress.under_way is None
        return no_room(self.directory) if between else ""

    @property
    def run(self) -> RunFeed | None:
        """The run under way."""
        return self._live

    @property
    def doing(self) -> str:
        """What the run under way is at, in words: its stage, or how far the configuration is."""
        if self._live is None:
            return ""
        at, stage = self._live.state.configuration, self._live.state.stage
        if at is None or at.done or stage is None or at.start.stage != stage.index:
            return f"still in stage {stage.name}" if stage is not None and stage.ended is None else ""
        return self._doing(configuration_of(at.start))

    def _follow_run(self) -> None:
        note = self.progress.under_way
        run_dir = paths.runs_dir() / note.run if note else None
        if run_dir is None or not run_dir.is_dir():
            self._live = None
            return
        if self._live is None or self._live.run_dir != run_dir:
            try:
                self._live = open_feed(run_dir)
            except UserError:
                self._live = None
                return
        self._live.drain(BUDGET_S)

    # --- the board --------------------------------------------------------------------------------------

    def board(self, *, numbers: bool = True) -> Board:
        """How the sweep stands; without `numbers` no report is read and there are no points."""
        status = self.status
        points = list(self._points()) if numbers else []
        slots = self.sweep.slots()
        total = sum(len(self.sweep.cells[slot.cell].configurations) for slot in slots)
        left = [slot for slot in slots if self.progress.left(slot)]
        # What was cut off is measured again when somebody goes on with the sweep.
        again = len(self.progress.open_again()) if status in ENDED else 0
        return Board(
            id=self.directory.name,
            sweep=self.sweep,
            status=status,
            why=self.progress.why or self.waits_for,
            axes=self._axes,
            points=tuple(points),
            settled=total - sum(len(self.progress.left(slot)) for slot in left) - again,
            total=total,
            elapsed_s=self.progress.elapsed_s(None if status in ENDED else now()),
            remaining_s=None if status in ENDED else self._remaining(left),
        )

    def _points(self) -> Iterator[Point]:
        measured_in = self._runs_of_results()
        for cell in self.sweep.cells:
            everywhere = cell.refused or cell.left_out
            for one in configurations(self.sweep) if everywhere else cell.configurations:
                yield self._point(cell, one, measured_in)

    def _runs_of_results(self) -> dict[tuple[int, Configuration], dict[int, RunNote]]:
        """The run of every repeat of every point: the last that was asked for it."""
        found: dict[tuple[int, Configuration], dict[int, RunNote]] = {}
        for note in self.progress.runs.values():
            for one in note.configurations:
                found.setdefault((note.slot.cell, one), {})[note.slot.repeat] = note
        return found

    def _point(
        self,
        cell: Cell,
        one: Configuration,
        measured_in: dict[tuple[int, Configuration], dict[int, RunNote]],
    ) -> Point:
        at, name = place(self._axes, cell, one), point_label(self._axes, cell, one)
        lengths = values_at(cell, one)[LENGTHS]
        if one not in cell.configurations:
            return Point(cell.number, at, name, lengths, "refused", cell.refused or cell.left_out)
        notes = measured_in.get((cell.number, one), {})
        values: list[Values] = []
        states: list[PointState] = []
        whys, doing = [], ""
        for repeat in range(self.sweep.repeat):
            slot = Slot(cell.number, repeat)
            note = notes.get(repeat)
            result = self.progress.results.get((slot, one))
            why = "" if result else self.progress.why_not(slot, one)
            if result is not None and result.outcome == "done" and note is not None:
                found = self.values_of(note.run)
                states.append("done")
                if found is None:
                    whys.append(f"repeat {repeat + 1}: its run was deleted")
                elif one in found:
                    values.append(found[one])
            elif result is not None:
                states.append(result.outcome)
                whys.append(result.why)
            elif why:
                states.append("pruned")
                if "memory" not in states:
                    whys.append(why)
            elif note is not None and note.settled is None:
                state, live = self._live_state(one), self._live_values(one)
                states.append("done" if state is not None and state.done else "running")
                doing = self._doing(one)
                if live:
                    values.append(live)
            else:
                states.append("queued")
        return Point(
            cell.number,
            at,
            name,
            lengths,
            _state(states),
            _once(whys),
            doing,
            folded(values),
            tuple(
                RunRef(paths.runs_dir() / note.run, repeat, note.settled is None)
                for repeat, note in sorted(notes.items())
            ),
        )

    def values_of(self, run: str) -> dict[Configuration, Values] | None:
        """The numbers of an ended run; None when it was deleted."""
        if run not in self._values:
            try:
                final = load_report(paths.runs_dir() / run)
            except UserError:
                self._values[run] = None
            else:
                self._values[run] = {
                    configuration_of(c): {
                        row.metric: (row.value, row.note) for row in c.rows if row.value is not None
                    }
                    for c in final.configurations
                }
        return self._values[run]

    def _live_state(self, one: Configuration) -> ConfigurationState | None:
        if self._live is None:
            return None
        seen = self._live.state.configurations
        return next((state for state in seen if configuration_of(state.start) == one), None)

    def _live_values(self, one: Configuration) -> Values:
        state = self._live_state(one)
        if state is None or self._live is None or not (state.latency.n or state.serving):
            return {}
        found = metrics.values(state, self._live.state.world)
        return {value.metric.name: (value.value, value.note) for value in found if value.value is not None}

    def _doing(self, one: Configuration) -> str:
        """What the run under way does about a configuration."""
        if self._live is None:
            return "starting"
        run, state = self._live.state, self._live_state(one)
        if state is not None and state.done:
            return ""
        if state is not None and state.serving is not None:
            return state.serving.words
        if state is not None:
            if state.latency.n:
                return f"iteration {state.latency.n}/{max(state.start.num_runs, state.latency.n)}"
            return "warm-up"
        if run.status == "queued":
            return "waiting"
        stage = run.stage
        return stage.name if stage is not None and stage.name != "benchmark" else "next"

    # --- time -------------------------------------------------------------------------------------------

    def _remaining(self, left: list[Slot]) -> float | None:
        """What runs took so far, for every slot that is left; making an engine counts once for a cell."""
        took = [
            note.settled
            for note in self.progress.runs.values()
            if note.settled is not None and all(one.outcome == "done" for one in note.settled.measured)
        ]
        if not took:
            return None
        measuring = fmean(settled.seconds - settled.preparing for settled in took)
        first = {settled.cell: settled.preparing for settled in reversed(took)}
        preparing = fmean(first.values())
        new = {slot.cell for slot in left} - first.keys()
        note = self.progress.under_way
        if note is None or self._live is None:
            so_far = 0.0
        else:
            most = measuring + (preparing if note.slot.cell in new else 0.0)
            so_far = min(self._live.state.elapsed_s(self._live.now()), most)
        return max(0.0, len(left) * measuring + len(new) * preparing - so_far)


def _state(states: list[PointState]) -> PointState:
    """The state of a point from those of its repeats: what is under way, then what went wrong."""
    if "running" in states:
        return "running"
    for worst in _WORST:
        if worst in states:
            return worst
    if set(states) == {"done"}:
        return "done"
    return "part" if "done" in states else "queued"


def _once(whys: list[str]) -> str:
    return "; ".join(dict.fromkeys(why for why in whys if why))


def now() -> float:
    """Seconds since 1970; the one clock of a sweep's readers."""
    return time.time()
