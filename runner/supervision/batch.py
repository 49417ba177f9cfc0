"""The supervisor as the whole job of Slurm, on its first node; the job script starts it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from runner.run import layout
from runner.supervision import supervisor
from runner.util import signals

LOCK_S = 30.0
"""How long a reader may hold the lock of the run"""


def main(directory: str) -> None:
    """Supervise the run in a directory that waited for this job."""
    with signals.delayed():
        run_dir = Path(directory)
        lock = _take_lock(run_dir)
        if lock is None or (run_dir / layout.EVENTS).exists():
            sys.exit(f"{run_dir}: another process has this run, or it has ended")
        signals.keep_delayed()
        supervisor.main(directory, lock)


def _take_lock(run_dir: Path) -> int | None:
    """Return the lock of a run; None: another process keeps it.

    Raises:
        OSError: the directory is not visible on this node, or not writable.
    """
    deadline = time.monotonic() + LOCK_S
    while (lock := layout.try_lock(run_dir)) is None and time.monotonic() < deadline:
        time.sleep(0.2)
    return lock
