"""Bringing a run to an end from outside, whatever state its supervisor is in."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from runner.history.run_entry import Entry, read_entry
from runner.run import layout

STOP_TIMEOUT_S = 30.0


def stop_run(run_dir: Path, by: str) -> Entry:
    """Stop a run and wait until nothing of it is left; a supervisor that does not answer is killed.

    Raises:
        UserError: the supervisor cannot be told.
    """
    layout.request_stop(run_dir, by)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not (ended := read_entry(run_dir)).ended:
        if time.monotonic() > deadline:
            # It does not answer; whoever reads the run next cleans up after it.
            layout.signal_supervisor(run_dir, signal.SIGKILL)
            deadline += STOP_TIMEOUT_S
        time.sleep(0.1)
    return ended
