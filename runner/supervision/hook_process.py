"""The process of the hooks of a run that has ended: it sends the message, then runs the user's command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from runner.plan.plan import Hook
from runner.profile import settings
from runner.report.files import read_report, read_summary
from runner.run import layout
from runner.supervision import webhook
from runner.util import processes, signals
from runner.util.errors import UserError

GRACE_S = 5.0


def main(run_dir: str) -> None:
    """Send the message, then run the command and wait for its end or its timeout."""
    signals.deliver()
    path = Path(run_dir)
    plan = layout.load_plan(path)
    if plan.webhook:
        print(f"[trtbench] {_send(path)}", flush=True)
    if plan.on_end is not None:
        print(f"[trtbench] {_run(plan.on_end, path, _environment(path))}", flush=True)


def _send(run_dir: Path) -> str:
    """Tell the webhook of the settings how the run ended, and return what came of it."""
    try:
        address = settings.load().hooks.webhook
    except UserError as error:
        return f"no message was sent: {error}"
    report = read_report(run_dir)
    if address is None or report is None:
        return "no message was sent: the settings name no webhook any more" if report else "no report to send"
    return webhook.send(address, webhook.message_of(layout.mask_of_run(run_dir).masked(report)))


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
