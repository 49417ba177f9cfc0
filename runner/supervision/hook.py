"""The hooks of a run that has ended: a command of the user and a message, in a process of their own.

The supervisor starts that process without importing what it needs: settings, and HTTP.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from runner.plan.plan import Plan
from runner.util import daemon

LOG = "on-end.log"
"""Output and exit code of the command; the only file that is written after the last event of a run."""
_MODULE = "runner.supervision.hook_process"


def start(run_dir: Path, plan: Plan) -> None:
    """Start the hooks of a run, if it has any; their errors do not affect the run.

    Called once for each run: by its supervisor, or by the reader that finalises it.
    """
    if plan.on_end is not None or plan.webhook:
        with contextlib.suppress(OSError):
            daemon.spawn(_MODULE, run_dir, None, LOG)
