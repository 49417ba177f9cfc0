"""Bringing to an end what lost its supervisor."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from runner import events as ev
from runner import paths
from runner.engines import container
from runner.errors import UserError
from runner.events.journal import JournalWriter
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.files import read_state, read_summary, write_report
from runner.run import layout
from runner.run.scratch import scratch_dir
from runner.state.run import ENDED, RunState
from runner.util.files import read
from runner.util.processes import Members, boot_id, sweep


def recover(run_dir: Path) -> list[ev.AnyEvent] | None:
    """End a run whose supervisor is gone: kill what it left, mark it `lost`, write its report.

    Whoever does that starts its hook, too. Safe to call at any time from any reader: it does nothing while
    somebody holds the run's lock, on another host, or when the run ended properly. Where nothing can be
    written (a disk that is full, a directory of somebody else's) the run has ended for this reader all the
    same.

    Returns:
        The events that the log lacked at its end, whether or not they could be written; None: somebody
        supervises the run, as far as can be known here.
    """
    owner = layout.read_owner(run_dir)
    if owner is not None and owner.host != layout.host_name():
        return None
    try:
        lock = layout.try_lock(run_dir)
        if lock is None:
            return None
    except OSError:
        if layout.is_locked(run_dir):
            return None
        lock = None
    try:
        return _end(run_dir, owner, held=lock is not None)
    except UserError:
        return None  # no run of ours; it is listed as what it is
    finally:
        if lock is not None:
            os.close(lock)


def _end(run_dir: Path, owner: layout.Owner | None, *, held: bool) -> list[ev.AnyEvent]:
    plan = layout.load_plan(run_dir)
    state = read_state(run_dir)
    summary = read_summary(run_dir)
    reported = (run_dir / layout.REPORT).exists()
    closing: list[ev.AnyEvent] = []
    if state.running and summary is not None and summary.status in ENDED:
        # The report comes first, the last event after it: the log lacks what the report knows.
        if summary.cause and state.failure is None:
            closing.append(ev.Failure(t=state.last_t, cause=summary.cause))
        status = cast(ev.RunStatus, summary.status)
        closing.append(ev.RunEnded(t=state.last_t, status=status, wall=time.time()))
    elif state.running:
        closing = _closing(run_dir, plan, state, owner, held=held)
        reported = False
    lost = bool(closing) and not reported
    written = _write(run_dir, closing)
    state.apply_all(closing)
    if not reported:
        with contextlib.suppress(OSError):
            write_report(run_dir, build_report(plan, state, run_dir.name))
            written = True
    if lost and written and owner is not None:  # a run that was imported never had one
        _start_hook(run_dir, plan)
    return closing


def _closing(
    run_dir: Path, plan: Plan, state: RunState, owner: layout.Owner | None, *, held: bool
) -> list[ev.AnyEvent]:
    """Ends what a lost run left, where its lock is `held`; the events that tell of it."""
    closing: list[ev.AnyEvent] = []
    # After a reboot the remembered pids belong to others; nothing of the run can be alive. And where no
    # supervisor ever said that it began, nothing was started.
    same_boot = owner is not None and owner.boot_id == boot_id()
    if same_boot and held:
        container.sweep(plan, run_dir.name)
        members = Members(run_dir.name, run_dir / layout.SEEN)
        members.load()
        killed, left = sweep(members)
        if killed or left:
            closing.append(ev.Swept(t=time.monotonic_ns(), killed=killed, left=left))
    shutil.rmtree(scratch_dir(run_dir.name), ignore_errors=True)
    # CLOCK_MONOTONIC starts anew at boot; after one, the last event is the latest time that makes sense.
    t = time.monotonic_ns() if same_boot else state.last_t
    restarted = owner is not None and not same_boot
    how = "the machine was restarted" if restarted else "its supervisor was killed"
    why = _unreadable(run_dir / layout.EVENTS) or f"{how} while it ran"
    return [
        *closing,
        ev.Failure(t=t, cause=f"the run was lost: {why}"),
        ev.RunEnded(t=t, status="lost", wall=time.time()),
    ]


def _unreadable(log: Path) -> str:
    """Why nobody can tell how far a run came; empty when its log can be read."""
    try:
        read(log, 1)
        return ""
    except FileNotFoundError:
        return f"there is no log ({log.name})"
    except OSError as error:
        return f"its log ({log.name}) cannot be read: {error.strerror}"


def _write(run_dir: Path, closing: Iterable[ev.AnyEvent]) -> bool:
    """Append to the log; whether that was possible."""
    if not closing:
        return False
    try:
        journal = JournalWriter(run_dir / layout.EVENTS)
        for event in closing:
            journal.write(event)
        complete = journal.flush()
        journal.sync()
        journal.close()
    except OSError:
        return False
    return complete


def _start_hook(run_dir: Path, plan: Plan) -> None:
    """Start the command that its owner wanted at the end; only in the history and of the owner's own runs.

    The plan names the command, and a directory of somebody else's may hold any plan.
    """
    with contextlib.suppress(OSError):
        ours = (run_dir / layout.PLAN).stat().st_uid == os.geteuid()
        if ours and run_dir.parent == paths.runs_dir():
            from runner.supervision import hook  # most runs end otherwise

            hook.start(run_dir, plan)
