"""What the supervisor knows is what the log says: events are written down and taken in at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner.events.journal import JournalWriter
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.files import write_report
from runner.run import layout
from runner.state.run import RunState
from runner.util import disk

BALLAST = 1 << 20
"""Bytes kept aside on disk so that the end of a run can be written when the disk is full."""
TRIES = 20
PAUSE_S = 0.25


@dataclass
class Scribe:
    """The only writer of a run's log, and the state that the log makes."""

    run_dir: Path
    plan: Plan
    state: RunState = field(default_factory=RunState)
    heard: Callable[[ev.AnyEvent], None] | None = None
    """is told every event, for whoever has to act at phases of the run"""
    found_disk_full: bool = False
    _journal: JournalWriter = field(init=False)

    def __post_init__(self) -> None:
        self._journal = JournalWriter(self.run_dir / layout.EVENTS)
        layout.make_ballast(self.run_dir, BALLAST)

    def emit(self, event: ev.AnyEvent) -> None:
        self._journal.write(event)
        self.state.apply(event)
        if self.heard is not None:
            self.heard(event)

    def warn(self, text: str) -> None:
        self.emit(ev.Notice(t=time.monotonic_ns(), level="warning", text=text))

    def fail(self, cause: str, *, remedy: str = "", log: str = "") -> None:
        self.emit(ev.Failure(t=time.monotonic_ns(), cause=cause, remedy=remedy, log=log))

    def sync(self) -> None:
        """Make what was written survive a power cut; at changes of state."""
        self._journal.sync()

    def retry(self) -> None:
        """Write what a full disk held back; gives up the ballast when it is still full, and says so once."""
        if not self.found_disk_full and disk.is_full(self.run_dir):
            self.found_disk_full = True
            self.warn(
                "the disk of the run directory is full: what ranks record and print is lost until it has room"
            )
        if not self._journal.flush():
            layout.drop_ballast(self.run_dir)

    def close(self, status: ev.RunStatus) -> None:
        """Write the report, then the last event: the last thing that changes in the directory."""
        layout.drop_ballast(self.run_dir)
        end = ev.RunEnded(t=time.monotonic_ns(), status=status, wall=time.time())
        self.state.apply(end)
        _insist(lambda: write_report(self.run_dir, build_report(self.plan, self.state)))
        self._journal.write(end)
        _insist(self._flush)

    def _flush(self) -> None:
        if not self._journal.flush():
            raise OSError("the disk is still full")
        self._journal.sync()


def _insist(write: Callable[[], None]) -> None:
    """Write also when the disk is full right now; give up after a while."""
    for _ in range(TRIES):
        try:
            write()
            return
        except OSError:
            time.sleep(PAUSE_S)
