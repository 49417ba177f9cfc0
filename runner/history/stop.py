"""Stop a run from outside, even if its supervisor does not answer."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from runner.errors import UserError
from runner.history.run_entry import RunEntry, read_entry
from runner.run import liveness

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
        UserError: the stop request cannot be written, or the supervisor neither answers nor can be killed.
    """
    liveness.request_stop(run_dir, by)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    killed = False
    while not (run := read_entry(run_dir)).ended and not is_cancelled():
        if time.monotonic() > deadline:
            reason = liveness.unreachable_reason(run_dir)
            if reason or killed:
                raise UserError(
                    f"{run_dir.name} does not stop: {reason or 'its supervisor does not die from SIGKILL'}"
                )
            # The next reader of the run finalises it.
            liveness.signal_supervisor(run_dir, signal.SIGKILL)
            killed = True
            deadline += STOP_TIMEOUT_S
        time.sleep(POLL_S)
    return run
