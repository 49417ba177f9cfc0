"""Tunings for tests: a tiny profile, and runs that are numbers of a formula instead of processes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner.profile.yaml_file import load_text
from runner.sweep import directory
from runner.sweep.directory import (
    AnyLogEntry,
    LogWriter,
    MeasuredConfiguration,
    Outcome,
    SweepBegun,
    SweepEnded,
    SweepRunEnded,
    SweepRunStarted,
)
from runner.sweep.progress import SweepProgress
from runner.sweep.spec import Slot, SweepSpec
from runner.sweep.tune.constraints import Numbers
from runner.sweep.tune.definition import define_tuning
from runner.sweep.tune.strategy import TuneStrategy
from tests.support.sweeps import TINY

ONE = TINY.replace("[1, 2]", "[2]")
AXES = """\
tune:
  axes:
    benchmark.batch_size: {from: 1, to: 16, times: 2}
    model.dtype: [float32, bfloat16]
"""


TRIALS = 9


def tuning(trials: int = TRIALS, *, constraints: tuple[str, ...] = ("latency_ms < 100",)) -> SweepSpec:
    """A tuning of ten points, for the most tokens per second."""
    profile = load_text(ONE + AXES, "tiny")
    return define_tuning(profile, ["tokens_per_sec"], constraints, trials=trials, preflight=False)


def formula(batch: int, dtype: str, repeat: int) -> Numbers:
    """Throughput grows with the batch, latency breaks the bound of 100 ms at 16."""
    rate = 100.0 * batch**0.7 * (1.2 if dtype == "bfloat16" else 1.0)
    return {"tokens_per_sec": rate * (1 + 0.001 * (repeat % 3)), "latency_ms": 10.0 * batch}


def fails_never(batch: int, dtype: str) -> Outcome:
    return "done"


@dataclass
class FakeTuning:
    """Takes the place of the sweep runner: applies entries, and every run is a formula."""

    path: Path
    sweep: SweepSpec
    outcome_of: Callable[[int, str], Outcome] = fails_never
    entries: list[AnyLogEntry] = field(default_factory=list)
    numbers: dict[str, Numbers] = field(default_factory=dict)

    def run(self, *, kill_after: int | None = None) -> SweepProgress:
        """Run to the end, or until so many further entries are logged; what was logged before is kept."""
        progress = SweepProgress(self.sweep)
        progress.apply_all(self.entries)
        strategy = TuneStrategy(self.path, self.sweep, self.numbers.get)
        last = math.inf if kill_after is None else len(self.entries) + kill_after
        current = progress.current_run
        if current is not None:  # a resumed sweep takes over the run under way
            self._log(progress, self._end(progress, current.slot, current.run))
        self._log(progress, SweepBegun(wall=1e9))
        while len(self.entries) < last and (step := strategy.next_step(progress)) is not None:
            if not isinstance(step, Slot):
                self._log(progress, step)
                continue
            run = f"20260101T000000Z_tiny_{len(progress.runs):04x}"
            cell = progress.sweep.cells[step.cell]
            start = SweepRunStarted(
                wall=1e9, cell=step.cell, repeat=step.repeat, run=run, configurations=cell.configurations
            )
            self._log(progress, start)
            if len(self.entries) < last:
                self._log(progress, self._end(progress, step, run))
        else:
            if len(self.entries) < last:
                self._log(progress, SweepEnded(wall=1e9, status="finished"))
        return progress

    def write(self) -> None:
        """Write the log of the sweep."""
        log = LogWriter(self.path)
        for entry in self.entries:
            log.write(entry)
        log.close()

    def _end(self, progress: SweepProgress, slot: Slot, run: str) -> SweepRunEnded:
        cell = progress.sweep.cells[slot.cell]
        values = dict(cell.values)
        batch, dtype = int(values["benchmark.batch_size"]), values["model.dtype"]
        outcome = self.outcome_of(batch, dtype)
        if outcome == "done":
            self.numbers[run] = formula(batch, dtype, slot.repeat)
        one = MeasuredConfiguration(
            configuration=cell.configurations[0], outcome=outcome, why="" if outcome == "done" else "why"
        )
        return SweepRunEnded(
            wall=1e9, cell=slot.cell, repeat=slot.repeat, run=run, seconds=10.0, measured=[one]
        )

    def _log(self, progress: SweepProgress, entry: AnyLogEntry) -> None:
        self.entries.append(entry)
        progress.apply_all([entry])


def fake(
    sweep: SweepSpec | None = None, outcome_of: Callable[[int, str], Outcome] = fails_never
) -> FakeTuning:
    sweep = sweep or tuning()
    return FakeTuning(directory.create_sweep(sweep), sweep, outcome_of)
