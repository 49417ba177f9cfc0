"""The conductor: the one process that starts the runs of a sweep, one after the other, and writes its log.

Like a supervisor it has no terminal, ignores SIGHUP and holds the lock of its directory. It measures nothing
and reads little: while a run is under way it looks a few times a second whether that has ended. When it is
killed, the run under way goes on; whoever resumes the sweep takes that run over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from runner import paths
from runner.engines.registry import make_plan
from runner.errors import UserError
from runner.history.run_entry import read_entry
from runner.history.stop import stop_run
from runner.plan.plan import Configuration, Membership
from runner.profile.file import load_text
from runner.report.files import read_state
from runner.run import layout
from runner.supervision import launch
from runner.sweep.directory import (
    FAILED_TOO,
    AnyEntry,
    Begun,
    Ended,
    LogReader,
    LogWriter,
    Measured,
    Refused,
    Settled,
    Started,
    Stopping,
    fingerprint,
    load,
    unnoted,
)
from runner.sweep.known_failures import failed_making, refuse_in_vain
from runner.sweep.memory import outcomes
from runner.sweep.progress import Progress
from runner.sweep.room import no_room
from runner.sweep.spec import Slot, Sweep, narrowed
from runner.util import processes

POLL_S = 0.2
LIVENESS_S = 1.0
"""how often a run that does not end is asked whether its supervisor lives"""
AFTER_REPORT_S = 10.0
"""how long a supervisor may take to leave after its report is written"""
ROOM_S = 1.0
"""how often a full disk is asked for room"""
FULL = (errno.ENOSPC, errno.EDQUOT)


def main(sweep_dir: str, lock: int) -> None:
    """Conduct the sweep in `sweep_dir`; `lock` is the inherited descriptor of its lock."""
    os.set_inheritable(lock, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path = Path(sweep_dir)
    conductor = Conductor(path, load(path))
    signal.signal(signal.SIGTERM, lambda *_: conductor.ask_to_stop("SIGTERM to the conductor"))
    conductor.run()
    layout.drop_if_empty(path / "conductor.log")


@dataclass
class Conductor:
    """One sitting of a sweep: from a start, or a resumption, to its end or to a stop."""

    directory: Path
    sweep: Sweep
    progress: Progress = field(init=False)
    _log: LogWriter = field(init=False)
    _stop: str | None = None

    def __post_init__(self) -> None:
        self._log = LogWriter(self.directory)
        self.progress = Progress(self.sweep)
        self.progress.apply_all(LogReader(self.directory).read())

    def ask_to_stop(self, by: str) -> None:
        self._stop = self._stop or by

    def run(self) -> None:
        """Everything that is left to do; a defect of ours ends the sweep as failed, with its cause."""
        layout.write_owner(
            self.directory,
            layout.Owner(
                pid=os.getpid(),
                start_time=processes.start_time(os.getpid()) or 0,
                boot_id=processes.boot_id(),
                host=layout.host_name(),
            ),
        )
        again = self.directory / FAILED_TOO
        failed_too = again.exists()
        with contextlib.suppress(OSError):
            again.unlink()
        self._take_over()
        self._write(Begun(wall=time.time(), failed_too=failed_too, spec=fingerprint(self.directory)))
        try:
            ended = self._slots()
        except Exception as error:
            why = f"the conductor failed: {type(error).__name__}: {error}"
            self._write(Ended(wall=time.time(), status="failed", why=why))
            raise
        self._write(ended)

    def _take_over(self) -> None:
        """See what another conductor started to its end, and which of its runs are gone, before all else."""
        for started in unnoted(self.directory, self.progress.runs):
            self._write(started)
        while (note := self.progress.under_way) is not None:
            self._see_through(note.slot, paths.runs_dir() / note.run, note.configurations)
        for note in self.progress.deleted(paths.runs_dir()):
            self._write(settle(note.slot, paths.runs_dir() / note.run, note.configurations))

    def _slots(self) -> Ended:
        for slot in self.sweep.slots():
            while left := self.progress.left(slot):
                self._wait_for_room()
                if self._stop_wanted():
                    return Ended(wall=time.time(), status="stopped", why=self._stop or "")
                if not self._measure(slot, left) and self.sweep.stop_on_failure:
                    why = "a cell failed (--stop-on-failure)"
                    return Ended(wall=time.time(), status="stopped", why=why)
        if self._stop is not None and self.progress.open_again():
            # What was stopped was the last: nothing is left that would have been passed over for it.
            return Ended(wall=time.time(), status="stopped", why=self._stop)
        return Ended(wall=time.time(), status="finished")

    def _measure(self, slot: Slot, left: list[Configuration]) -> bool:
        """One run for as much of a slot as one run can measure; False when something failed in it."""
        cell, wanted = self.sweep.cells[slot.cell], left
        place = Membership(sweep=self.directory.name, cell=slot.cell, repeat=slot.repeat, values=cell.values)
        now = time.time()
        try:
            profile = load_text(cell.profile, f"cell {cell.number}")
            profile, wanted = narrowed(profile, cell.configurations, left)
            if self.progress.unmade:
                refuse_in_vain(make_plan(profile), self.progress.unmade)
            run_dir = launch.start(profile, gpu_hz=self.sweep.gpu_hz, sweep=place)
        except UserError as error:
            self._write(
                Refused(wall=now, cell=slot.cell, repeat=slot.repeat, why=str(error), configurations=wanted)
            )
            return False
        self._write(
            Started(wall=now, cell=slot.cell, repeat=slot.repeat, run=run_dir.name, configurations=wanted)
        )
        return self._see_through(slot, run_dir, wanted)

    def _see_through(self, slot: Slot, run_dir: Path, wanted: list[Configuration]) -> bool:
        """Wait for the end of a run and write down what came out; False when something failed."""
        self._wait_for(run_dir)
        settled = settle(slot, run_dir, wanted)
        self._write(settled)
        return all(one.outcome != "failed" for one in settled.measured)

    def _wait_for_room(self) -> None:
        """A run that finds the disk full fails, and so would every one after it."""
        while no_room(self.directory) and not self._stop_wanted():
            time.sleep(ROOM_S)

    def _wait_for(self, run_dir: Path) -> None:
        asked = 0.0
        while not (run_dir / layout.REPORT).exists():
            if self._stop_wanted():
                stop_run(run_dir, f"the sweep was stopped by {self._stop}")
                return
            if time.monotonic() - asked > LIVENESS_S:
                asked = time.monotonic()
                if read_entry(run_dir).ended:
                    break
            time.sleep(POLL_S)
        # The devices are free when the supervisor is gone; the next run then need not queue.
        deadline = time.monotonic() + AFTER_REPORT_S
        while layout.signal_supervisor(run_dir, 0) and time.monotonic() < deadline:
            time.sleep(POLL_S / 4)

    def _stop_wanted(self) -> bool:
        if self._stop is None:
            self._stop = layout.stop_requested(self.directory)
        if self._stop is not None and self.progress.status == "running":
            self._write(Stopping(wall=time.time(), by=self._stop))
        return self._stop is not None

    def _write(self, entry: AnyEntry) -> None:
        """Write an entry, on a full disk as soon as there is room; a sweep that is stopped does not wait."""
        while True:
            try:
                self._log.write(entry)
                break
            except OSError as error:
                if error.errno not in FULL or self._stop or layout.stop_requested(self.directory):
                    raise
                time.sleep(ROOM_S)
        self.progress.apply_all([entry])


def settle(slot: Slot, run_dir: Path, wanted: list[Configuration]) -> Settled:
    """What came out of a run that has ended; one whose directory is gone was lost."""
    try:
        plan, state = layout.load_plan(run_dir), read_state(run_dir)
        measured, seconds = outcomes(plan, state), state.elapsed_s(state.last_t)
        unmade = failed_making(plan, state, run_dir)
        preparing = sum(
            (stage.ended - stage.started) / 1e9
            for stage in state.stages
            if stage.name in ("dataset", "convert", "build") and stage.status == "ok" and stage.ended
        )
    except UserError:
        why = "its run was deleted"
        measured = [Measured(configuration=one, outcome="lost", why=why) for one in wanted]
        seconds = preparing = 0.0
        unmade = ""
    return Settled(
        wall=time.time(),
        cell=slot.cell,
        repeat=slot.repeat,
        run=run_dir.name,
        seconds=seconds,
        preparing=preparing,
        unmade=unmade,
        measured=measured,
    )
