"""Start a run: write its inputs to a run directory, and start a detached supervisor or submit a job."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path

import msgspec

from runner.engines.registry import make_plan
from runner.engines.slurm.script import job_script
from runner.engines.slurm.srun import is_inside_job
from runner.engines.slurm.submit import submit
from runner.plan.plan import Hook, Plan, SweepMembership
from runner.profile import settings
from runner.profile.yaml_file import to_yaml
from runner.run import layout, liveness
from runner.run.job import Job, write_job
from runner.schema.base import Profile
from runner.util import daemon, paths
from runner.util.errors import UserError

SUPERVISOR = "runner.supervision.supervisor"


def start(
    profile: Profile,
    *,
    gpu_hz: float = 2.0,
    sweep: SweepMembership | None = None,
    on_end: list[str] | None = None,
    shared: Job | None = None,
    checks: bool = True,
) -> Path:
    """Start a run and return its directory; the run does not depend on this process.

    Args:
        profile: what to run.
        gpu_hz: GPU readings a second; 0: none.
        sweep: the place of the run in a sweep.
        on_end: the command to start when the run has ended; None: from the settings; []: neither a
            command nor a message.
        shared: the job of Slurm in which it gets a turn, from the caller; None: it has its own.
        checks: whether a job that is submitted ends before its first stage if checks on its nodes fail.

    Raises:
        UserError: the settings are invalid, the profile cannot be planned, the run directory cannot be
            created, or the supervisor cannot be started.
    """
    run_dir = paths.runs_dir() / layout.new_run_id(profile.name)
    hooks = settings.load().hooks
    plan = make_plan(profile, run_dir)
    plan = msgspec.structs.replace(
        plan,
        preflight=checks and plan.job is not None and plan.job.mode == "sbatch",
        gpu_hz=gpu_hz,
        sweep=sweep,
        on_end=_hook(hooks, on_end),
        webhook=hooks.webhook is not None and on_end != [],
    )
    launch(run_dir, plan, to_yaml(profile), shared)
    return run_dir


def _hook(hooks: settings.Hooks, argv: list[str] | None) -> Hook | None:
    argv = hooks.on_end if argv is None else argv
    return Hook(argv, hooks.timeout) if argv else None


def launch(run_dir: Path, plan: Plan, profile_yaml: str, shared: Job | None = None) -> None:
    """Create the run directory of a plan and start its supervisor, or submit the job that is its supervisor.

    With a shared job, nothing is started: the job starts the supervisor when the run gets its turn.

    Raises:
        UserError: the run directory cannot be created, the supervisor cannot be started, or Slurm refuses the
            job.
    """
    job = plan.job
    if job is not None and job.mode == "allocation" and not is_inside_job():
        raise UserError(
            "launch.slurm.mode is allocation, and this shell is in no job of Slurm (SLURM_JOB_ID is not set)",
            hint="start it in a shell of salloc or in a job script, or set launch.slurm.mode to sbatch",
        )
    with layout.create_run_dir(run_dir, plan, profile_yaml, claim=liveness.claim) as lock:
        if shared is not None:
            _enter(run_dir, shared)
            return
        if job is not None and job.mode == "sbatch":
            _submit(run_dir, job_script(job, run_dir))
            return
        try:
            supervisor = daemon.spawn(SUPERVISOR, run_dir, lock, "supervisor.log")
        except OSError as error:
            (run_dir / layout.OWNER).unlink(missing_ok=True)
            raise UserError(f"{run_dir}: cannot start the supervisor: {error.strerror}") from None
        with contextlib.suppress(OSError):  # the supervisor also does this; it may be killed before that
            liveness.write_owner(run_dir, liveness.owner_of(run_dir, supervisor.pid))
    # Reap the process if the starter lives longer than the run, so that no zombie remains.
    threading.Thread(target=supervisor.wait, daemon=True).start()


def _enter(run_dir: Path, job: Job) -> None:
    """Let a run wait for its turn in a job.

    Raises:
        UserError: the directory is not writable.
    """
    try:
        write_job(run_dir, job)
        (run_dir / layout.OWNER).unlink()
    except OSError as error:
        raise UserError(f"{run_dir}: cannot record the job: {error.strerror}") from None


def _submit(run_dir: Path, script: str) -> None:
    """Submit the job of a run; a run whose job is refused leaves no directory.

    Raises:
        UserError: there is no sbatch, it refuses the job, or the directory is not writable.
    """
    try:
        submit(run_dir, script)
        # Until the job starts, the run has no process; its record of the job says so.
        (run_dir / layout.OWNER).unlink()
    except UserError:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise
    except OSError as error:
        raise UserError(f"{run_dir}: cannot submit the job: {error.strerror}") from None
