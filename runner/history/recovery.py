"""Bringing to an end what lost its supervisor."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from runner import container, report, rundir
from runner import events as ev
from runner.errors import UserError
from runner.journal import JournalWriter
from runner.processes import Members, boot_id, sweep
from runner.scratch import scratch_dir


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
