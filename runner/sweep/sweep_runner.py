"""The sweep runner: the process that starts the runs of a sweep, one after the other, and writes its log.

Like a supervisor it has no terminal, ignores SIGHUP and holds the lock of its directory. It measures nothing
and costs little: a few times a second it checks whether the current run has ended. When it is killed, the
current run continues, and a resumed sweep takes that run over.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from runner.engines.registry import make_plan
from runner.history.run_entry import read_entry
from runner.history.stop import stop_run
from runner.plan.plan import Configuration, SweepMembership
from runner.profile.yaml_file import load_text
from runner.report.files import read_state
from runner.run import layout, liveness
from runner.supervision import launch
from runner.sweep.directory import (
    FAILED_TOO,
    RUNNER_LOG,
    AnyLogEntry,
    LogReader,
    LogWriter,
    MeasuredConfiguration,
    SweepBegun,
    SweepCellAdded,
    SweepConfirming,
    SweepEnded,
    SweepRunEnded,
    SweepRunRefused,
    SweepRunStarted,
    SweepStopping,
    find_unlogged_runs,
    fingerprint,
    load_sweep,
)
from runner.sweep.known_failures import failed_artifact_key, reject
from runner.sweep.out_of_memory import as_decided, outcomes_of
from runner.sweep.progress import SweepProgress
from runner.sweep.spec import Slot, SweepSpec, narrow_profile
from runner.util import daemon, paths, signals
from runner.util.disk import wait_reason
from runner.util.errors import UserError

logger = logging.getLogger(__name__)

POLL_S = 0.2
LIVENESS_S = 1.0
"""how often the supervisor of a running run is checked"""
AFTER_REPORT_S = 10.0
"""how long a supervisor may take to exit after its report is written"""
ROOM_S = 1.0
"""how often the free space of a full disk is checked"""
FULL = (errno.ENOSPC, errno.EDQUOT)


def main(sweep_dir: str, lock: int) -> None:
    """Run the sweep in `sweep_dir`; `lock` is the inherited descriptor of its lock."""
    run_detached(Path(sweep_dir), lock, lambda _: InOrder())


def run_detached(
    path: Path,
    lock: int,
    strategy: Callable[[SweepSpec], Strategy],
    kind: type[SweepRunner] | None = None,
) -> None:
    """Run a sweep in this process, which was started for it.

    Args:
        path: directory of the sweep.
        lock: inherited descriptor of its lock.
        strategy: makes the strategy of the sweep.
        kind: class of the sweep runner; None: one run at a time.
    """
    daemon.begin(lock)
    sweep = load_sweep(path)
    runner = (kind or SweepRunner)(path, sweep, strategy(sweep))
    signal.signal(signal.SIGTERM, lambda *_: runner.ask_to_stop("SIGTERM to the sweep runner"))
    signals.deliver()
    runner.run()
    layout.remove_if_empty(path / RUNNER_LOG)


class Strategy(Protocol):
    """What a sweep measures, and in which order; every decision follows from the progress alone."""

    def next_step(self, progress: SweepProgress) -> Slot | SweepCellAdded | SweepConfirming | None:
        """Return the slot to measure next, an entry to log first, or None at the end."""
        ...

    def is_decided(self, progress: SweepProgress, slot: Slot, run_dir: Path) -> str:
        """Return why the current run need not be measured any longer; empty: it must."""
        ...


class InOrder:
    """The cells of `sweep.json`, in the order of the sweep."""

    def next_step(self, progress: SweepProgress) -> Slot | None:
        return next((slot for slot in progress.slots() if progress.remaining(slot)), None)

    def is_decided(self, progress: SweepProgress, slot: Slot, run_dir: Path) -> str:
        return ""


@dataclass
class SweepRunner:
    """One session of a sweep: from a start or resume to its end or a stop."""

    directory: Path
    sweep: SweepSpec
    strategy: Strategy = field(default_factory=lambda: InOrder())
    progress: SweepProgress = field(init=False)
    _log: LogWriter = field(init=False)
    _stop: str | None = None

    def __post_init__(self) -> None:
        self._log = LogWriter(self.directory)
        self.progress = SweepProgress(self.sweep)
        self.progress.apply_all(LogReader(self.directory).read())

    def ask_to_stop(self, by: str) -> None:
        self._stop = self._stop or by

    def run(self) -> None:
        """Measure everything that remains; an internal error ends the sweep as failed, with its cause."""
        liveness.claim(self.directory)
        marker = self.directory / FAILED_TOO
        failed_too = marker.exists()
        with contextlib.suppress(OSError):
            marker.unlink()
        self._take_over()
        self._write(SweepBegun(wall=time.time(), failed_too=failed_too, spec=fingerprint(self.directory)))
        logger.info("sweep %s started: %d cells", self.directory.name, len(self.sweep.cells))
        try:
            ended = self._run_slots()
        except Exception as error:
            why = f"the sweep runner failed: {type(error).__name__}: {error}"
            self._write(SweepEnded(wall=time.time(), status="failed", why=why))
            raise
        self._write(ended)
        logger.info("sweep %s ended: %s %s", self.directory.name, ended.status, ended.why)

    def _take_over(self) -> None:
        """First finish what an earlier sweep runner started, and find which of its runs were deleted."""
        for started in find_unlogged_runs(self.directory, self.progress.runs):
            self._write(started)
        while (note := self.progress.current_run) is not None:
            self._finish_run(note.slot, paths.runs_dir() / note.run, note.configurations)
        for note in self.progress.deleted_runs(paths.runs_dir()):
            self._write(ended_run(note.slot, paths.runs_dir() / note.run, note.configurations))

    def _run_slots(self) -> SweepEnded:
        while (step := self.strategy.next_step(self.progress)) is not None:
            self._wait_for_disk()
            if self._stop_wanted():
                return SweepEnded(wall=time.time(), status="stopped", why=self._stop or "")
            if not isinstance(step, Slot):
                self._write(step)
                continue
            left = self.progress.remaining(step)
            if not self._measure(step, left) and self.sweep.stop_on_failure:
                why = "a cell failed (--stop-on-failure)"
                return SweepEnded(wall=time.time(), status="stopped", why=why)
        if self._stop is not None and self.progress.interrupted_results():
            # The stopped run was the last one, so the loop had nothing left to skip.
            return SweepEnded(wall=time.time(), status="stopped", why=self._stop)
        return SweepEnded(wall=time.time(), status="finished")

    def _measure(self, slot: Slot, left: list[Configuration]) -> bool:
        """Start one run for as much of a slot as one run can measure; return False if anything failed."""
        cell, wanted = self.progress.sweep.cells[slot.cell], left
        place = SweepMembership(
            sweep=self.directory.name, cell=slot.cell, repeat=slot.repeat, values=cell.values
        )
        now = time.time()
        try:
            profile = load_text(cell.profile, f"cell {cell.number}")
            profile, wanted = narrow_profile(profile, cell.configurations, left)
            if self.progress.failed_artifacts:
                reject(make_plan(profile), self.progress.failed_artifacts)
            run_dir = launch.start(
                profile, gpu_hz=self.sweep.gpu_hz, sweep=place, checks=self.sweep.preflight
            )
        except UserError as error:
            logger.info("cell %d, repeat %d: no run was started: %s", slot.cell, slot.repeat, error)
            self._write(
                SweepRunRefused(
                    wall=now, cell=slot.cell, repeat=slot.repeat, why=str(error), configurations=wanted
                )
            )
            return False
        self._write(
            SweepRunStarted(
                wall=now, cell=slot.cell, repeat=slot.repeat, run=run_dir.name, configurations=wanted
            )
        )
        logger.info("cell %d, repeat %d: started run %s", slot.cell, slot.repeat, run_dir.name)
        return self._finish_run(slot, run_dir, wanted)

    def _finish_run(self, slot: Slot, run_dir: Path, wanted: list[Configuration]) -> bool:
        """Wait for the end of a run and log its outcome; return False if anything failed."""
        decided = self._wait_for(slot, run_dir)
        ended = ended_run(slot, run_dir, wanted, decided)
        self._write(ended)
        logger.info("run %s ended after %.0f s", run_dir.name, ended.seconds)
        return all(one.outcome != "failed" for one in ended.measured)

    def _wait_for_disk(self) -> None:
        """Wait until the disk has room: on a full disk this run and all later ones would fail."""
        while wait_reason(self.directory) and not self._stop_wanted():
            time.sleep(ROOM_S)

    def _wait_for(self, slot: Slot, run_dir: Path) -> str:
        """Wait for the end of a run; return why its measurement was ended early, empty: it was not."""
        checked = 0.0
        decided = ""
        while not (run_dir / layout.REPORT).exists():
            if self._stop_wanted():
                stop_run(run_dir, f"the sweep was stopped by {self._stop}")
                return ""
            if time.monotonic() - checked > LIVENESS_S:
                checked = time.monotonic()
                if read_entry(run_dir).ended:
                    break
                if decided := self.strategy.is_decided(self.progress, slot, run_dir):
                    stop_run(run_dir, decided)
                    break
            time.sleep(POLL_S)
        # The devices are free once the supervisor has exited; the next run then does not queue.
        deadline = time.monotonic() + AFTER_REPORT_S
        while liveness.signal_supervisor(run_dir, 0) and time.monotonic() < deadline:
            time.sleep(POLL_S / 4)
        return decided

    def _stop_wanted(self) -> bool:
        if self._stop is None:
            self._stop = layout.read_stop_request(self.directory)
        if self._stop is not None and self.progress.status == "running":
            self._write(SweepStopping(wall=time.time(), by=self._stop))
            logger.info("stop requested by %s", self._stop)
        return self._stop is not None

    def _write(self, entry: AnyLogEntry) -> None:
        """Write an entry; on a full disk wait for room, unless the sweep is being stopped."""
        while True:
            try:
                self._log.write(entry)
                break
            except OSError as error:
                if error.errno not in FULL or self._stop or layout.read_stop_request(self.directory):
                    raise
                time.sleep(ROOM_S)
        self.progress.apply_all([entry])


def ended_run(slot: Slot, run_dir: Path, wanted: list[Configuration], decided: str = "") -> SweepRunEnded:
    """Return the log entry of a run that has ended; a run without directory counts as lost.

    Args:
        slot: of the run.
        run_dir: of the run.
        wanted: configurations that it was started for.
        decided: why its measurement was ended early; empty: it was not.
    """
    try:
        plan, state = layout.load_plan(run_dir), read_state(run_dir)
        measured, seconds = outcomes_of(plan, state), state.elapsed_s(state.last_t)
        if decided:
            measured = [as_decided(one, decided) for one in measured]
        failed_artifact = failed_artifact_key(plan, state, run_dir)
        preparing = sum(
            (stage.ended - stage.started) / 1e9
            for stage in state.stages
            if stage.name in ("dataset", "convert", "quantize", "build")
            and stage.status == "ok"
            and stage.ended
        )
    except UserError:
        why = "its run was deleted"
        measured = [MeasuredConfiguration(configuration=one, outcome="lost", why=why) for one in wanted]
        seconds = preparing = 0.0
        failed_artifact = ""
    return SweepRunEnded(
        wall=time.time(),
        cell=slot.cell,
        repeat=slot.repeat,
        run=run_dir.name,
        seconds=seconds,
        preparing=preparing,
        unmade=failed_artifact,
        measured=measured,
    )
