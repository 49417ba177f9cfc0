"""The hook: a command of the user that starts when a run has ended, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from runner.plan.plan import Hook, Plan
from runner.report.files import read_summary
from runner.run import layout
from runner.util import daemon, processes, signals

LOG = "on-end.log"
"""Output and exit code of the command; the only file that is written after the last event of a run."""
GRACE_S = 5.0
_MODULE = "runner.supervision.hook"


def start(run_dir: Path, plan: Plan) -> None:
    """Start the hook of a run, if it has one; errors of the hook do not affect the run.

    Called once for each run: by its supervisor, or by the reader that finalises it.
    """
    if plan.on_end is not None:
        with contextlib.suppress(OSError):
            daemon.spawn(_MODULE, run_dir, None, LOG)


def main(run_dir: str) -> None:
    """Run the hook and wait for its end or its timeout."""
    signals.deliver()
    path = Path(run_dir)
    hook = layout.load_plan(path).on_end
    assert hook is not None
    print(f"[trtbench] {_run(hook, path, _environment(path))}", flush=True)


def _environment(run_dir: Path) -> dict[str, str]:
    summary = read_summary(run_dir)
    plan = layout.load_plan(run_dir)
    variables = {
        "TRTBENCH_RUN_DIR": str(run_dir),
        "TRTBENCH_RUN_ID": run_dir.name,
        "TRTBENCH_RUN_PROFILE": plan.profile,
        "TRTBENCH_RUN_STATUS": summary.status if summary else "",
        "TRTBENCH_RUN_SECONDS": f"{summary.seconds:.1f}" if summary else "",
        "TRTBENCH_RUN_CAUSE": summary.cause if summary else "",
        "TRTBENCH_RUN_SWEEP": plan.sweep.sweep if plan.sweep else "",
    }
    # Without the tag, because processes with it belong to the run and are killed with it.
    return {name: value for name, value in os.environ.items() if name != processes.TAG} | variables


def _run(hook: Hook, run_dir: Path, environment: dict[str, str]) -> str:
    """Run the command and return how it ended."""
    try:
        process = subprocess.Popen(
            hook.argv, cwd=run_dir, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return f"{hook.argv[0]}: cannot be started: {getattr(error, 'strerror', None) or error}"
    try:
        return f"{hook.argv[0]} ended with exit code {process.wait(hook.timeout)}"
    except subprocess.TimeoutExpired:
        _end(process)
        return f"{hook.argv[0]} was killed after {hook.timeout} s; raise hooks.timeout in the settings"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate, then kill, a process and its children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
