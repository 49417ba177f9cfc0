"""Finalise runs whose supervisor died."""

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
from runner.state.run import ENDED_STATUSES, RunState
from runner.util.files import read_file
from runner.util.processes import RunProcesses, boot_id, kill_all


def recover(run_dir: Path) -> list[ev.AnyEvent] | None:
    """Finalise a run whose supervisor died.

    Kills its processes, marks it `lost`, writes its report and starts its hook.

    Safe to call at any time from any reader: it does nothing while a process holds the lock of the run, on
    another host, or when the run ended normally. If nothing can be written (full disk, directory of another
    user) the run has ended for this reader all the same.

    Returns:
        The events that were missing at the end of the log, even if they could not be written; None: the run
        has a supervisor, as far as this machine can tell.
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
        return None  # not a readable run; it is listed as such
    finally:
        if lock is not None:
            os.close(lock)


def _end(run_dir: Path, owner: layout.Owner | None, *, held: bool) -> list[ev.AnyEvent]:
    plan = layout.load_plan(run_dir)
    state = read_state(run_dir)
    summary = read_summary(run_dir)
    reported = (run_dir / layout.REPORT).exists()
    closing: list[ev.AnyEvent] = []
    if state.running and summary is not None and summary.status in ENDED_STATUSES:
        # The supervisor writes the report before the last event: the report has what the log lacks.
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
    if lost and written and owner is not None:  # an imported run never had one
        _start_hook(run_dir, plan)
    return closing


def _closing(
    run_dir: Path, plan: Plan, state: RunState, owner: layout.Owner | None, *, held: bool
) -> list[ev.AnyEvent]:
    """Kill the processes of a lost run if its lock is `held`; return the closing events."""
    closing: list[ev.AnyEvent] = []
    # After a reboot the recorded pids belong to other processes and none of the run is alive. Without an
    # owner no supervisor began, and nothing was started.
    same_boot = owner is not None and owner.boot_id == boot_id()
    if same_boot and held:
        container.kill_processes(plan, run_dir.name)
        members = RunProcesses(run_dir.name, run_dir / layout.PROCESSES)
        members.load()
        killed, left = kill_all(members)
        if killed or left:
            closing.append(ev.Swept(t=time.monotonic_ns(), killed=killed, left=left))
    shutil.rmtree(scratch_dir(run_dir.name), ignore_errors=True)
    # CLOCK_MONOTONIC restarts at boot; after a reboot the time of the last event is the latest valid one.
    t = time.monotonic_ns() if same_boot else state.last_t
    restarted = owner is not None and not same_boot
    how = "the machine was restarted" if restarted else "its supervisor was killed"
    why = _log_problem(run_dir / layout.EVENTS) or f"{how} while it ran"
    return [
        *closing,
        ev.Failure(t=t, cause=f"the run was lost: {why}"),
        ev.RunEnded(t=t, status="lost", wall=time.time()),
    ]


def _log_problem(log: Path) -> str:
    """Return why the log of a run cannot be read; empty: it can."""
    try:
        read_file(log, 1)
        return ""
    except FileNotFoundError:
        return f"there is no log ({log.name})"
    except OSError as error:
        return f"its log ({log.name}) cannot be read: {error.strerror}"


def _write(run_dir: Path, closing: Iterable[ev.AnyEvent]) -> bool:
    """Append events to the log; return whether all were written."""
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
    """Start the hook of a run, only for runs in the history that belong to the current user.

    The command is in the plan, and a directory of another user may contain any plan.
    """
    with contextlib.suppress(OSError):
        is_own = (run_dir / layout.PLAN).stat().st_uid == os.geteuid()
        if is_own and run_dir.parent == paths.runs_dir():
            from runner.supervision import hook  # rarely needed

            hook.start(run_dir, plan)
