"""Stop a run from outside, even if its supervisor does not answer."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from runner.history.run_entry import RunEntry, read_entry
from runner.run import layout

STOP_TIMEOUT_S = 30.0
"""how long a supervisor may take to stop its run before it is killed"""
POLL_S = 0.1


def stop_run(run_dir: Path, by: str, *, is_cancelled: Callable[[], bool] = lambda: False) -> RunEntry:
    """Stop a run and wait until it has ended; a supervisor that does not answer is killed.

    Args:
        run_dir: the run.
        by: who stops it, for its log.
        is_cancelled: called while waiting; if it returns True, the stop remains requested and the run is
            returned as it is.

    Raises:
        UserError: the stop request cannot be written.
    """
    layout.request_stop(run_dir, by)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not (run := read_entry(run_dir)).ended and not is_cancelled():
        if time.monotonic() > deadline:
            # The next reader of the run finalises it.
            layout.signal_supervisor(run_dir, signal.SIGKILL)
            deadline += STOP_TIMEOUT_S
        time.sleep(POLL_S)
    return run
