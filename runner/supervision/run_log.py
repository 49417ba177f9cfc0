"""The log of a run: every event is written and applied to the state of the supervisor at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner.events.journal import JournalWriter
from runner.plan.masking import Mask, mask_of
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.files import write_report
from runner.run import layout
from runner.state.run import RunState
from runner.supervision.directory_watch import AWAY_S, look
from runner.util import disk

BALLAST = 1 << 20
"""Bytes reserved on disk so that the end of a run can be written when the disk is full."""
TRIES = 20
PAUSE_S = 0.25


@dataclass
class RunLog:
    """The only writer of the log of a run, and the state that results from the log."""

    run_dir: Path
    plan: Plan
    state: RunState = field(default_factory=RunState)
    on_event: Callable[[ev.AnyEvent], None] | None = None
    """called with every event, for components that act at phases of the run"""
    full_disks: dict[int, Path] = field(default_factory=dict)
    """A folder on each disk that was full at any time, by device."""
    must_end_soon: bool = False
    """SIGTERM came: who sent it kills this process soon, so nothing waits for a file system that is away"""
    _journal: JournalWriter = field(init=False)
    _mask: Mask = field(init=False)

    def __post_init__(self) -> None:
        self._mask = mask_of(self.plan)
        self._journal = JournalWriter(self.run_dir / layout.EVENTS)
        layout.make_ballast(self.run_dir, BALLAST)

    def emit(self, event: ev.AnyEvent) -> None:
        """Write an event, without the values of secrets that programs printed, and apply it."""
        event = self._mask.masked(event)
        if event.t > (now := time.monotonic_ns()):  # the clock of another machine, or a broken program
            event = msgspec.structs.replace(event, t=now)
        self._journal.write(event)
        self.state.apply(event)
        if self.on_event is not None:
            self.on_event(event)

    def warn(self, text: str) -> None:
        """Write a warning."""
        self.emit(ev.Notice(t=time.monotonic_ns(), level="warning", text=text))

    def fail(self, cause: str, *, remedy: str = "", log: str = "", rank: int | None = None) -> None:
        self.emit(ev.Failure(t=time.monotonic_ns(), cause=cause, remedy=remedy, log=log, rank=rank))

    def sync(self) -> None:
        """Flush the log to disk, so that it survives a power failure; called at changes of state."""
        with contextlib.suppress(OSError):  # a network file system that is away; a later pass tries again
            self._journal.sync()

    def note_full_disks(self, folders: Iterable[Path]) -> None:
        """Warn once about each full disk among those of the run directory and other folders."""
        for folder in (self.run_dir, *folders):
            device = disk.device_of(folder)
            if device is None or device in self.full_disks or not disk.is_full(folder):
                continue
            self.full_disks[device] = folder
            if folder == self.run_dir:
                text = "the disk of the run directory is full: records and output are lost until it has room"
            else:
                text = f"the disk of {folder} is full: what programs write there is lost until it has room"
            self.warn(text)

    def retry(self) -> None:
        """Write what a full disk delayed; if the disk is still full, free the ballast."""
        if not self._journal.flush():
            layout.remove_ballast(self.run_dir)

    def close(self, status: ev.RunStatus, job_end: ev.JobEnd | None = None) -> None:
        """Write the report, then the last event, which is the last change in the directory."""
        layout.remove_ballast(self.run_dir)
        end = ev.RunEnded(t=time.monotonic_ns(), status=status, wall=time.time(), job_end=job_end)
        self.state.apply(end)
        self._write_with_retry(lambda: write_report(self.run_dir, build_report(self.plan, self.state)))
        self._journal.write(end)
        self._write_with_retry(self._flush)

    def _flush(self) -> None:
        if not self._journal.flush():
            raise OSError("the disk is still full")
        self._journal.sync()

    def _write_with_retry(self, write: Callable[[], None]) -> None:
        """Write, and retry for a while if the disk is full, or longer while its file system is away.

        A home that was removed as a whole looks like a file system that is away.
        """
        until = time.monotonic() + AWAY_S
        tries = 0
        while tries < TRIES and time.monotonic() < until:
            try:
                write()
                return
            except OSError:
                tries += self.must_end_soon or look(self.run_dir) != "away"
                time.sleep(PAUSE_S)
