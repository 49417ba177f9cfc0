"""Start, stop and resume sweeps. A detached process, the sweep runner, does the work."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from runner.engines.slurm.srun import mode_of
from runner.history.run_entry import read_entry
from runner.history.stop import stop_run
from runner.profile.yaml_file import load_text
from runner.run import layout, liveness
from runner.run.liveness import Liveness
from runner.schema.axes import Order
from runner.schema.base import Profile
from runner.sweep import directory as directories
from runner.sweep.directory import (
    FAILED_TOO,
    RUNNER_LOG,
    SPEC,
    LogReader,
    LogWriter,
    SweepEnded,
    find_unlogged_runs,
    fingerprint,
)
from runner.sweep.progress import ENDED, SweepProgress
from runner.sweep.spec import (
    MAX_CELLS,
    Axes,
    SweepAxis,
    SweepCell,
    SweepSpec,
    axes_of,
    cells_of_profiles,
    expand_axes,
)
from runner.sweep.sweep_files import sweep_now
from runner.util import daemon, paths
from runner.util.errors import UserError
from runner.util.files import FILE_MODE
from runner.util.formatting import command

SWEEP_RUNNERS = {"tune": "runner.sweep.tune.tune_runner"}
SWEEP_RUNNER = "runner.sweep.sweep_runner"
"""modules that the detached process runs, by kind of sweep and for every other kind"""
JOB_RUNNER = "runner.sweep.job_runner"
"""the module for sweeps whose runs take turns in jobs of Slurm"""
STOP_S = 90.0
"""how long a sweep runner may take to stop before it is killed"""
BEGIN_S = 10.0
LOCK_TRIES = 10


def axis_sweep(
    profile: Profile,
    axes: Axes | None = None,
    *,
    repeat: int | None = None,
    order: Order | None = None,
    max_cells: int = MAX_CELLS,
    stop_on_failure: bool = False,
    gpu_hz: float = 2.0,
    jobs: int | None = None,
) -> SweepSpec:
    """Return a sweep over the axes of a profile; defaults come from its section `sweep`.

    Raises:
        UserError: there are no axes, too many cells, or values that no combination allows.
    """
    axes = axes_of(profile) if axes is None else axes
    if not axes:
        raise UserError(
            f"{profile.name} has no axes, so there is nothing to sweep",
            hint="add an axis: --axis parallel.tp=1,2,4 (repeatable), or a section `sweep: {axes: ...}`",
        )
    made, cells = expand_axes(profile, axes)
    if len(cells) > max_cells:
        sizes = " x ".join(f"{len(axis.values)} of {axis.path}" for axis in made)
        raise UserError(
            f"{len(cells)} cells ({sizes}) are more than the allowed {max_cells}",
            hint=f"--max-cells {len(cells)} allows them; or use fewer values",
        )
    section = profile.sweep
    return _make_spec(
        profile,
        made,
        cells,
        repeat=repeat or (section.repeat if section else 1),
        order=order or (section.order if section else "interleaved"),
        stop_on_failure=stop_on_failure,
        gpu_hz=gpu_hz,
        jobs=jobs or (section.jobs if section else 1),
    )


def repeat_sweep(profile: Profile, repeat: int, *, gpu_hz: float = 2.0) -> SweepSpec:
    """Return a sweep that measures one profile several times, each time in a run of its own.

    Raises:
        UserError: the profile cannot be planned.
    """
    made, cells = expand_axes(profile, {})
    return _make_spec(profile, made, cells, kind="repeat", repeat=repeat, gpu_hz=gpu_hz)


def ab_sweep(
    profiles: Sequence[Profile], repeat: int, *, stop_on_failure: bool = False, gpu_hz: float = 2.0
) -> SweepSpec:
    """Return a sweep that measures profiles alternately: A B B A.

    Raises:
        UserError: one of them cannot be planned.
    """
    made, cells = cells_of_profiles(profiles)
    sweep = _make_spec(
        profiles[0], made, cells, kind="ab", repeat=repeat, stop_on_failure=stop_on_failure, gpu_hz=gpu_hz
    )
    engines = dict.fromkeys(profile.engine for profile in profiles)
    return msgspec.structs.replace(sweep, engine=", ".join(engines))


def _make_spec(
    profile: Profile,
    axes: list[SweepAxis],
    cells: list[SweepCell],
    *,
    kind: Literal["sweep", "repeat", "ab"] = "sweep",
    repeat: int,
    order: Order = "interleaved",
    stop_on_failure: bool = False,
    gpu_hz: float,
    jobs: int = 1,
) -> SweepSpec:
    names = [cell.values[0][1] for cell in cells] if kind == "ab" else [profile.name]
    return SweepSpec(
        name="-vs-".join(names)[:64],
        kind=kind,
        engine=profile.engine,
        created=time.time(),
        axes=axes,
        cells=cells,
        repeat=repeat,
        order=order,
        stop_on_failure=stop_on_failure,
        gpu_hz=gpu_hz,
        jobs=jobs if all(_is_submitted(cell) for cell in cells if not cell.refused) else 0,
    )


def _is_submitted(cell: SweepCell) -> bool:
    """Check whether the runs of a cell are jobs that are submitted to Slurm."""
    if "slurm" not in cell.profile:  # quickly, for the many cells of most sweeps
        return False
    slurm = load_text(cell.profile, "cell").launch.slurm
    return slurm is not None and mode_of(slurm) == "sbatch"


def start_sweep(sweep: SweepSpec) -> Path:
    """Write the directory of a sweep, start its sweep runner and return the directory.

    The sweep does not depend on this process any more.

    Raises:
        UserError: the directory cannot be made, or the sweep runner cannot be started.
    """
    _check_runner(sweep)
    directory = directories.create_sweep(sweep)
    _start_runner(directory)
    return directory


def resume_sweep(directory: Path, *, failed_too: bool = False) -> None:
    """Resume a sweep that was stopped or whose sweep runner died; results are kept.

    Args:
        directory: the sweep.
        failed_too: measure again what failed.

    Raises:
        UserError: it is running, there is nothing left to do, or `sweep.json` was changed after the start.
    """
    progress = read_progress(directory)
    _check_runner(progress.sweep)
    if is_running(directory):
        raise UserError(
            f"{directory.name} is already running", hint=f"`{command('attach', directory.name)}` shows it"
        )
    if progress.spec not in ("", fingerprint(directory)):
        raise UserError(
            f"{directory / SPEC} was changed after the sweep began; its log does not match it",
            hint="restore the file, or start a new sweep",
        )
    left = (
        progress.interrupted_results()
        or (failed_too and progress.failures())
        or progress.deleted_runs(paths.runs_dir())
    )
    if progress.status == "finished" and not left:
        hint = "`--failed` measures failed configurations again" if progress.failures() else ""
        raise UserError(f"{directory.name} has finished; there is nothing left to measure", hint=hint)
    try:
        if failed_too:
            (directory / FAILED_TOO).touch(FILE_MODE)
        with contextlib.suppress(FileNotFoundError):
            (directory / layout.STOP).unlink()
    except OSError as error:
        raise UserError(f"{directory}: cannot resume the sweep: {error.strerror}") from None
    _start_runner(directory)
    if progress.status != "interrupted":
        _wait_for_begin(directory, progress.began)


def _check_runner(sweep: SweepSpec) -> None:
    """Check that the packages of the sweep runner are installed: those of a tuning are an extra.

    Raises:
        UserError: they are not.
    """
    if sweep.tune is not None:
        from runner.sweep.tune.study import require_optuna

        require_optuna()


def _wait_for_begin(directory: Path, before: float | None) -> None:
    """Wait until the log has the new begin, so that readers see a running sweep."""
    deadline = time.monotonic() + BEGIN_S
    while _read_log(directory).began == before and time.monotonic() < deadline:
        if not is_running(directory):
            return
        time.sleep(0.02)


def _start_runner(directory: Path) -> None:
    try:
        lock = _lock(directory)
        try:
            sweep = directories.load_sweep(directory)
            module = SWEEP_RUNNERS.get(sweep.kind, JOB_RUNNER if sweep.jobs else SWEEP_RUNNER)
            sweep_runner = daemon.spawn(module, directory, lock, RUNNER_LOG)
        finally:
            os.close(lock)
    except OSError as error:
        raise UserError(f"{directory}: cannot start the sweep runner: {error.strerror}") from None
    # Reap the process if the starter lives longer than the sweep, so that no zombie remains.
    threading.Thread(target=sweep_runner.wait, daemon=True).start()


def _lock(directory: Path) -> int:
    for _ in range(LOCK_TRIES):
        lock = layout.try_lock(directory)
        if lock is not None:
            return lock
        time.sleep(0.02)  # a reader that checks the lock holds it for a moment
    raise UserError(f"{directory.name} is already running")


def is_running(directory: Path) -> bool:
    """Check whether a sweep has a sweep runner; this takes no lock that another process could miss."""
    if liveness.is_mirror(directory):  # the program that copies it holds its lock
        return sweep_now(directory).running and _read_log(directory).status not in ENDED
    if layout.is_locked(directory):
        return True
    # A sweep runner on another machine, or one whose lock file was removed: its log has whether it ended.
    found = liveness.check(directory)
    return found in (Liveness.ALIVE, Liveness.ELSEWHERE) and _read_log(directory).status not in ENDED


def _read_log(directory: Path) -> SweepProgress:
    progress = SweepProgress(directories.load_sweep(directory))
    progress.apply_all(LogReader(directory).read())
    return progress


def read_progress(directory: Path) -> SweepProgress:
    """Return the progress of a sweep; it is `interrupted` if its sweep runner died before the end.

    Raises:
        UserError: the directory holds no sweep that this version can read.
    """
    progress = _read_log(directory)
    if progress.status not in ENDED and not is_running(directory):
        progress = _read_log(directory)  # it may have ended between the two checks
        if progress.status not in ENDED:
            progress.status = "interrupted"
    return progress


def stop_sweep(
    directory: Path, by: str, *, is_cancelled: Callable[[], bool] = lambda: False
) -> SweepProgress:
    """Stop a sweep and its current run, and wait until both have ended; no process remains.

    A sweep runner that does not answer is killed.

    Args:
        directory: the sweep.
        by: who stops it, for its log.
        is_cancelled: called while waiting; if it returns True, the stop remains requested and the progress is
            returned as it is.

    Raises:
        UserError: the stop request cannot be written, the sweep runner neither answers nor can be killed, or
            the end cannot be written to the log.
    """
    if is_running(directory):
        liveness.request_stop(directory, by)
    liveness.kill_after(
        directory, STOP_S, lambda: not is_running(directory) or is_cancelled(), who="its runner"
    )
    progress = read_progress(directory)
    if is_running(directory) or liveness.is_mirror(directory):
        return progress
    _stop_remaining_runs(directory, progress, by, is_cancelled)
    if progress.status == "interrupted":
        _write_end(directory, by)
        progress = read_progress(directory)
    return progress


def _stop_remaining_runs(
    directory: Path, progress: SweepProgress, by: str, is_cancelled: Callable[[], bool]
) -> None:
    """Stop runs that are still running after their sweep runner was killed."""
    left = [note.run for note in progress.runs.values() if note.ended is None]
    for run in (*left, *(started.run for started in find_unlogged_runs(directory, progress.runs))):
        run_dir = paths.runs_dir() / run
        if run_dir.is_dir() and not read_entry(run_dir).ended:
            stop_run(run_dir, f"the sweep was stopped by {by}", is_cancelled=is_cancelled)


def _write_end(directory: Path, by: str) -> None:
    lock = layout.try_lock(directory)
    if lock is None:
        return
    try:
        log = LogWriter(directory)
        try:
            log.write(SweepEnded(wall=time.time(), status="stopped", why=by))
        finally:
            log.close()
    except OSError as error:
        raise UserError(f"{directory}: cannot write the end of the sweep: {error.strerror}") from None
    finally:
        os.close(lock)
