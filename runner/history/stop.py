"""Stop a run from outside, even if its supervisor does not answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runner.history.run_entry import RunEntry, read_entry
from runner.run import liveness

STOP_TIMEOUT_S = 30.0
"""how long a supervisor may take to stop its run before it is killed"""


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
    # The next reader of a run whose supervisor was killed finalises it.
    liveness.kill_after(run_dir, STOP_TIMEOUT_S, lambda: read_entry(run_dir).ended or is_cancelled())
    return read_entry(run_dir)
