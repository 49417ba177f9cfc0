"""All runs of this machine: the list of them, and bringing to an end what lost its supervisor."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import msgspec

from runner import container, paths, report, rundir
from runner import events as ev
from runner.errors import UserError
from runner.journal import JournalWriter
from runner.plan import Membership
from runner.processes import Members, boot_id, sweep
from runner.scratch import scratch_dir
from runner.state import ENDED, Status


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list of runs."""

    run_dir: Path
    run: str
    profile: str
    engine: str
    status: Status
    started: float
    """seconds since 1970; 0.0 when the log does not say"""
    seconds: float
    cause: str = ""
    sweep: Membership | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def entries(root: Path | None = None) -> list[Entry]:
    """All runs, newest first. Runs that lost their supervisor are cleaned up and shown as lost."""
    return [entry(run_dir) for run_dir in rundir.list_runs(root)]


class History:
    """The list of runs for a reader who asks again and again.

    A run that ended is read once, because nothing of it changes any more. So asking again costs one look at
    the directory of runs, and the reading of those that are under way.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or paths.runs_dir()
        self._ended: dict[Path, Entry] = {}
        self._listed: list[Path] = []
        self._changed: int | None = None

    def entries(self, newest: int | None = None) -> list[Entry]:
        """All runs, or the `newest` so many, newest first."""
        found = []
        for run_dir in self._run_dirs()[:newest]:
            known = self._ended.get(run_dir)
            if known is None:
                # Only what has a report is over: a directory that is just being made looks like a lost run.
                summary = report.read_summary(run_dir)
                if summary is not None:
                    known = self._ended[run_dir] = _from_summary(run_dir, summary)
                else:
                    known = entry(run_dir)
            found.append(known)
        return found

    def _run_dirs(self) -> list[Path]:
        try:
            changed = os.stat(self._root).st_mtime_ns
        except OSError:
            return []
        # Coming and going of runs changes the time of the directory that holds them. A time of just now may
        # stand for one more change within the same tick of the clock.
        if changed != self._changed or time.time_ns() - changed < 1_000_000_000:
            self._listed = rundir.list_runs(self._root)
            self._ended = {path: self._ended[path] for path in self._listed if path in self._ended}
            self._changed = changed
        return self._listed


def entry(run_dir: Path) -> Entry:
    """The row of one run directory, whatever is in it."""
    summary = report.read_summary(run_dir)
    if summary is not None:
        return _from_summary(run_dir, summary)
    recover(run_dir)
    summary = report.read_summary(run_dir)
    return _from_summary(run_dir, summary) if summary is not None else _from_log(run_dir)


def _from_summary(run_dir: Path, summary: report.Summary) -> Entry:
    return Entry(
        run_dir=run_dir,
        run=run_dir.name,
        profile=summary.profile,
        engine=summary.engine,
        status=summary.status,
        started=summary.started,
        seconds=summary.seconds,
        cause=summary.cause,
        sweep=summary.sweep,
    )


def _from_log(run_dir: Path) -> Entry:
    """A run without a report: one that runs now, or a directory that is not what it should be."""
    try:
        plan = rundir.load_plan(run_dir)
    except UserError as error:
        return Entry(
            run_dir=run_dir,
            run=run_dir.name,
            profile=run_dir.name,
            engine="",
            status="lost",
            started=0.0,
            seconds=0.0,
            cause=str(error),
        )
    state = report.read_head(run_dir)
    started = state.started
    return Entry(
        run_dir=run_dir,
        run=run_dir.name,
        profile=plan.profile,
        engine=plan.engine,
        status=state.status,
        started=started.wall if started else 0.0,
        seconds=state.elapsed_s(time.monotonic_ns()),
        sweep=plan.sweep,
    )


def recover(run_dir: Path) -> bool:
    """End a run whose supervisor is gone: kill what it left, mark it `lost`, write its report.

    Safe to call at any time from any reader: it does nothing while somebody holds the run's lock, on another
    host, or when the run ended properly.

    Returns:
        Whether the run was brought to an end here.
    """
    owner = rundir.read_owner(run_dir)
    if owner is not None and owner.host != rundir.host_name():
        return False
    try:
        lock = rundir.try_lock(run_dir)
    except OSError:
        return False
    if lock is None:
        return False
    try:
        return _end_lost_run(run_dir, same_boot=owner is None or owner.boot_id == boot_id())
    except (OSError, UserError):
        return False  # a read-only or foreign directory; it is listed as what it is
    finally:
        os.close(lock)


def _end_lost_run(run_dir: Path, *, same_boot: bool) -> bool:
    plan = rundir.load_plan(run_dir)
    state = report.read_state(run_dir)
    if not state.running and (run_dir / rundir.REPORT).exists():
        return False
    if state.running:
        closing: list[ev.AnyEvent] = []
        members = Members(run_dir.name, run_dir / rundir.SEEN)
        # After a reboot the remembered pids belong to others; nothing of the run can be alive.
        if same_boot:
            container.sweep(plan, run_dir.name)
            members.load()
            killed, left = sweep(members)
            if killed or left:
                closing.append(ev.Swept(t=time.monotonic_ns(), killed=killed, left=left))
        shutil.rmtree(scratch_dir(run_dir.name), ignore_errors=True)
        # CLOCK_MONOTONIC starts anew at boot; after one, the last event is the latest time that makes sense.
        t = time.monotonic_ns() if same_boot else state.last_t
        how = "its supervisor was killed" if same_boot else "the machine was restarted"
        closing += [
            ev.Failure(t=t, cause=f"the run was lost: {how} while it ran"),
            ev.RunEnded(t=t, status="lost", wall=time.time()),
        ]
        journal = JournalWriter(run_dir / rundir.EVENTS)
        for event in closing:
            journal.write(event)
            state.apply(event)
        journal.sync()
        journal.close()
    report.write(run_dir, report.build(plan, state))
    return True
