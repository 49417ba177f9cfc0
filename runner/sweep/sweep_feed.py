"""Follow a sweep: the one source of its progress for screens and commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from runner import metrics
from runner.history.run_feed import RunFeed, open_feed
from runner.plan.plan import Configuration, configuration_of
from runner.state.configuration import ConfigurationState
from runner.sweep import control
from runner.sweep.board import (
    Board,
    BoardPoint,
    PointState,
    RunNumber,
    RunRef,
    Values,
    all_configurations,
    board_axes,
    board_position,
    fold_repeats,
    point_label,
)
from runner.sweep.directory import AnyLogEntry, LogReader, load_sweep
from runner.sweep.progress import ENDED, MEASURED, SweepProgress, SweepRun, SweepStatus
from runner.sweep.spec import LENGTHS, Slot, SweepCell, SweepSpec, values_at
from runner.sweep.sweep_files import SweepFiles, sweep_files
from runner.sweep.tune_terms import allowed_trials
from runner.util.errors import UserError

BUDGET_S = 0.2
_WORST: tuple[PointState, ...] = ("failed", "lost", "stopped", "memory", "pruned")


@dataclass
class SweepFeed:
    """Read new entries of a sweep and build its board; reports of ended runs are read once."""

    directory: Path
    progress: SweepProgress = field(init=False)
    files: SweepFiles = field(init=False)
    _log: LogReader = field(init=False)
    _values: dict[str, dict[Configuration, Values] | None] = field(default_factory=dict)
    _live: RunFeed | None = None
    _undrained: list[AnyLogEntry] = field(default_factory=list)
    """entries that were read and not returned by `drain` yet"""

    def __post_init__(self) -> None:
        self.progress = SweepProgress(load_sweep(self.directory))
        self.files = sweep_files(self.directory)
        self._log = LogReader(self.directory)
        self._axes = board_axes(self.sweep)

    @property
    def sweep(self) -> SweepSpec:
        """The sweep with the cells that are known so far."""
        return self.progress.sweep

    def drain(self) -> list[AnyLogEntry]:
        """Read new entries of the log and new events of the current run; return the entries."""
        self._read_log()
        self._follow_run()
        entries, self._undrained = self._undrained, []
        return entries

    def _read_log(self) -> None:
        cells = len(self.sweep.cells)
        self._undrained += self.progress.apply_all(self._log.read())
        if len(self.sweep.cells) != cells:
            self._axes = board_axes(self.sweep)

    @property
    def gone(self) -> bool:
        return not self.directory.is_dir()

    @property
    def status(self) -> SweepStatus:
        """The status in the log, or `interrupted` if the sweep has not ended and no sweep runner is alive."""
        status = self.progress.status
        if status in ENDED or control.is_running(self.directory):
            return status
        self._read_log()  # it may have ended between the two checks
        return self.progress.status if self.progress.status in ENDED else "interrupted"

    @property
    def wait_reason(self) -> str:
        """Why the next run cannot start yet; empty: it can."""
        between = self.progress.status == "running" and self.progress.current_run is None
        return self.files.wait_reason() if between else ""

    @property
    def run(self) -> RunFeed | None:
        """The current run."""
        return self._live

    @property
    def activity(self) -> str:
        """What the current run does: its stage, or the progress of the configuration."""
        if self._live is None:
            return ""
        at, stage = self._live.state.configuration, self._live.state.stage
        if at is None or at.done or stage is None or at.start.stage != stage.index:
            return f"still in stage {stage.name}" if stage is not None and stage.ended is None else ""
        return self._activity_of(configuration_of(at.start))

    def _follow_run(self) -> None:
        note = self.progress.current_run
        run_dir = self.files.run_dir(note.run) if note else None
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

    def now(self) -> float:
        """Return the time in seconds since 1970 on the clock of the log."""
        return self.files.now()

    # --- the board --------------------------------------------------------------------------------------

    def board(self, *, numbers: bool = True) -> Board:
        """Return the board of the sweep; without `numbers` no report is read and there are no points."""
        status = self.status
        points = list(self._points()) if numbers else []
        slots = self.progress.slots()
        total = sum(len(self.sweep.cells[slot.cell].configurations) for slot in slots)
        left = [slot for slot in slots if self.progress.remaining(slot)]
        further = self._further_trials(total, status)
        # A resumed sweep measures interrupted configurations again.
        again = len(self.progress.interrupted_results()) if status in ENDED else 0
        return Board(
            id=self.directory.name,
            sweep=self.sweep,
            status=status,
            why=self.progress.why or self.wait_reason,
            axes=self._axes,
            points=tuple(points),
            completed=total - sum(len(self.progress.remaining(slot)) for slot in left) - again,
            total=total + further,
            elapsed_s=self.progress.elapsed_s(None if status in ENDED else self.now()),
            remaining_s=None if status in ENDED else self._remaining(left, further),
            cut_off=self.files.cut_off(),
        )

    def _further_trials(self, known: int, status: SweepStatus) -> int:
        """Return how many runs the search of a tuning may still choose."""
        tune = self.sweep.tune
        if tune is None or self.progress.confirming is not None or status == "finished":
            return 0
        return max(0, allowed_trials(tune, self.progress, None if status in ENDED else self.now()) - known)

    def _points(self) -> Iterator[BoardPoint]:
        measured_in = self._runs_of_results()
        for cell in self.sweep.cells:
            everywhere = cell.refused or cell.left_out
            for one in all_configurations(self.sweep) if everywhere else cell.configurations:
                yield self._point(cell, one, measured_in)

    def _runs_of_results(self) -> dict[tuple[int, Configuration], dict[int, SweepRun]]:
        """Return the run of every repeat of every point: the last one that was started for it."""
        found: dict[tuple[int, Configuration], dict[int, SweepRun]] = {}
        for note in self.progress.runs.values():
            for one in note.configurations:
                found.setdefault((note.slot.cell, one), {})[note.slot.repeat] = note
        return found

    def _point(
        self,
        cell: SweepCell,
        one: Configuration,
        measured_in: dict[tuple[int, Configuration], dict[int, SweepRun]],
    ) -> BoardPoint:
        at, name = board_position(self._axes, cell, one), point_label(self._axes, cell, one)
        lengths = values_at(cell, one)[LENGTHS]
        if one not in cell.configurations:
            return BoardPoint(cell.number, at, name, lengths, "refused", cell.refused or cell.left_out)
        notes = measured_in.get((cell.number, one), {})
        values: list[Values] = []
        states: list[PointState] = []
        reasons, activity = [], ""
        for repeat in range(self.progress.repeats(cell.number)):
            slot = Slot(cell.number, repeat)
            note = notes.get(repeat)
            result = self.progress.results.get((slot, one))
            why = "" if result else self.progress.skip_reason(slot, one)
            if result is not None and result.outcome in MEASURED and note is not None:
                found = self.values_of(note.run)
                states.append("done")
                if found is None:
                    reasons.append(f"repeat {repeat + 1}: its run was deleted")
                elif one in found:
                    values.append(found[one])
            elif result is not None:
                states.append("done" if result.outcome == "decided" else result.outcome)
                reasons.append(result.why)
            elif why:
                states.append("pruned")
                if "memory" not in states:
                    reasons.append(why)
            elif note is not None and note.ended is None:
                state, live = self._live_state(one), self._live_values(one)
                states.append("done" if state is not None and state.done else "running")
                activity = self._activity_of(one)
                if live:
                    values.append(live)
            else:
                states.append("queued")
        return BoardPoint(
            cell.number,
            at,
            name,
            lengths,
            _state(states),
            _join_unique(reasons),
            activity,
            fold_repeats(values),
            tuple(
                RunRef(self.files.run_dir(note.run), repeat, note.ended is None)
                for repeat, note in sorted(notes.items())
            ),
        )

    def values_of(self, run: str) -> dict[Configuration, Values] | None:
        """Return the numbers of an ended run; None if it was deleted."""
        if run not in self._values:
            try:
                final = self.files.report(run)
            except UserError:
                self._values[run] = None
            else:
                self._values[run] = {
                    configuration_of(c): {
                        row.metric: RunNumber(row.value, row.note, row.low, row.high)
                        for row in c.rows
                        if row.value is not None
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
        return {
            one.metric.name: RunNumber(one.value, one.note, one.low, one.high)
            for one in found
            if one.value is not None
        }

    def _activity_of(self, one: Configuration) -> str:
        """Return what the current run does with a configuration."""
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

    def _remaining(self, left: list[Slot], further: int) -> float | None:
        """Estimate the remaining time from the ended runs; preparing an engine counts once for a cell."""
        ended = [
            note.ended
            for note in self.progress.runs.values()
            if note.ended is not None and all(one.outcome == "done" for one in note.ended.measured)
        ]
        if not ended:
            return None
        measuring = fmean(run.seconds - run.preparing for run in ended)
        first = {run.cell: run.preparing for run in reversed(ended)}
        preparing = fmean(first.values())
        new = {slot.cell for slot in left} - first.keys()
        note = self.progress.current_run
        if note is None or self._live is None:
            so_far = 0.0
        else:
            most = measuring + (preparing if note.slot.cell in new else 0.0)
            so_far = min(self._live.state.elapsed_s(self._live.now()), most)
        return max(0.0, (len(left) + further) * measuring + len(new) * preparing - so_far)


def _state(states: list[PointState]) -> PointState:
    """Return the state of a point from those of its repeats: running first, then the worst outcome."""
    if "running" in states:
        return "running"
    for worst in _WORST:
        if worst in states:
            return worst
    if set(states) == {"done"}:
        return "done"
    return "part" if "done" in states else "queued"


def _join_unique(reasons: list[str]) -> str:
    return "; ".join(dict.fromkeys(why for why in reasons if why))
