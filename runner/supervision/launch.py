"""Starting a run: freezing its inputs and handing them to a detached supervisor."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from runner import paths
from runner.engines.registry import make_plan
from runner.errors import UserError
from runner.plan.plan import Hook, Membership, Plan
from runner.profile import settings
from runner.profile.file import to_yaml
from runner.run import layout
from runner.schema.base import Profile
from runner.util import daemon

SUPERVISOR = "runner.supervision.supervisor"


def start(
    profile: Profile,
    *,
    gpu_hz: float = 2.0,
    sweep: Membership | None = None,
    on_end: list[str] | None = None,
) -> Path:
    """Start a run and return its directory at once; the run no longer depends on this process.

    Args:
        profile: what to run.
        gpu_hz: how often GPUs are read a second; 0: not at all.
        sweep: the place of the run in a sweep.
        on_end: the command to start when the run has ended; None: that of the settings.

    Raises:
        UserError: the settings cannot be used, the profile cannot be planned, or the run directory or
            supervisor cannot be made.
    """
    run_dir = paths.runs_dir() / layout.new_run_id(profile.name)
    plan = msgspec.structs.replace(
        make_plan(profile, run_dir), gpu_hz=gpu_hz, sweep=sweep, on_end=_hook(on_end)
    )
    launch(run_dir, plan, to_yaml(profile))
    return run_dir


def _hook(argv: list[str] | None) -> Hook | None:
    chosen = settings.load().hooks
    words = chosen.on_end if argv is None else argv
    return Hook(words, chosen.timeout) if words else None


def launch(run_dir: Path, plan: Plan, profile_yaml: str) -> None:
    """Make the run directory of a plan and start its supervisor.

    Raises:
        UserError: the run directory or the supervisor cannot be made.
    """
    with layout.created(run_dir, plan, profile_yaml) as lock:
        try:
            supervisor = daemon.spawn(SUPERVISOR, run_dir, lock, "supervisor.log")
        except OSError as error:
            raise UserError(f"{run_dir}: cannot start the supervisor: {error.strerror}") from None
    # Collects the exit status when the starter lives longer than the run, so that no zombie stays.
    threading.Thread(target=supervisor.wait, daemon=True).start()
