"""Starting, stopping and resuming sweeps: freezing them, and handing them to a detached conductor."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from runner import paths
from runner.errors import UserError
from runner.history.run_entry import read_entry
from runner.history.stop import stop_run
from runner.run import layout
from runner.schema.axes import Order
from runner.schema.base import Profile
from runner.sweep import directory as directories
from runner.sweep.directory import FAILED_TOO, SPEC, Ended, LogReader, LogWriter, fingerprint, unnoted
from runner.sweep.progress import ENDED, Progress
from runner.sweep.spec import MAX_CELLS, Axes, Axis, Cell, Sweep, alternate, axes_of, expand
from runner.util import daemon

CONDUCTOR = "runner.sweep.sweep_runner"
STOP_S = 90.0
BEGIN_S = 10.0
LOCK_TRIES = 10


def of_profile(
    profile: Profile,
    axes: Axes | None = None,
    *,
    repeat: int | None = None,
    order: Order | None = None,
    max_cells: int = MAX_CELLS,
    stop_on_failure: bool = False,
    gpu_hz: float = 2.0,
) -> Sweep:
    """A sweep over the axes of a profile; what is not given comes from its section `sweep`.

    Raises:
        UserError: there are no axes, too many cells, or values that fit no combination.
    """
    axes = axes_of(profile) if axes is None else axes
    if not axes:
        raise UserError(
            f"{profile.name} has no axes, so there is nothing to sweep",
            hint="give some: --axis parallel.tp=1,2,4 (repeatable), or a section `sweep: {axes: ...}`",
        )
    made, cells = expand(profile, axes)
    if len(cells) > max_cells:
        sizes = " x ".join(f"{len(axis.values)} of {axis.path}" for axis in made)
        raise UserError(
            f"{len(cells)} cells ({sizes}) are more than {max_cells}",
            hint=f"--max-cells {len(cells)} allows them; or leave out values",
        )
    section = profile.sweep
    return _frozen(
        profile,
        made,
        cells,
        repeat=repeat or (section.repeat if section else 1),
        order=order or (section.order if section else "interleaved"),
        stop_on_failure=stop_on_failure,
        gpu_hz=gpu_hz,
    )


def of_repeats(profile: Profile, repeat: int, *, gpu_hz: float = 2.0) -> Sweep:
    """One profile, measured several times in runs of their own.

    Raises:
        UserError: the profile cannot be planned.
    """
    made, cells = expand(profile, {})
    return _frozen(profile, made, cells, kind="repeat", repeat=repeat, gpu_hz=gpu_hz)


def of_profiles(
    profiles: Sequence[Profile], repeat: int, *, stop_on_failure: bool = False, gpu_hz: float = 2.0
) -> Sweep:
    """Whole profiles in turn: A B A B.

    Raises:
        UserError: one of them cannot be planned.
    """
    made, cells = alternate(profiles)
    sweep = _frozen(
        profiles[0], made, cells, kind="ab", repeat=repeat, stop_on_failure=stop_on_failure, gpu_hz=gpu_hz
    )
    engines = dict.fromkeys(profile.engine for profile in profiles)
    return msgspec.structs.replace(sweep, engine=", ".join(engines))


def _frozen(
    profile: Profile,
    axes: list[Axis],
    cells: list[Cell],
    *,
    kind: Literal["sweep", "repeat", "ab"] = "sweep",
    repeat: int,
    order: Order = "interleaved",
    stop_on_failure: bool = False,
    gpu_hz: float,
) -> Sweep:
    names = [cell.values[0][1] for cell in cells] if kind == "ab" else [profile.name]
    return Sweep(
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
    )


def start(sweep: Sweep) -> Path:
    """Freeze a sweep, start its conductor and return its directory; it no longer depends on this process.

    Raises:
        UserError: the directory or the conductor cannot be made.
    """
    directory = directories.create(sweep)
    _conduct(directory)
    return directory


def resume(directory: Path, *, failed_too: bool = False) -> None:
    """Go on with a sweep that was stopped or lost its conductor; what was measured is not measured again.

    Args:
        directory: the sweep.
        failed_too: measure again what failed.

    Raises:
        UserError: it is under way, there is nothing left to do, or it is another sweep than the one that was
            begun.
    """
    progress = read(directory)
    if is_conducted(directory):
        raise UserError(
            f"{directory.name} is under way", hint=f"`trtbench-tui attach {directory.name}` shows it"
        )
    if progress.spec not in ("", fingerprint(directory)):
        raise UserError(
            f"{directory / SPEC} was changed after the sweep began, so its log fits other cells",
            hint="restore the file, or start a new sweep",
        )
    left = progress.open_again() or (failed_too and progress.failures()) or progress.deleted(paths.runs_dir())
    if progress.status == "finished" and not left:
        hint = "`--failed` measures again what failed" if progress.failures() else ""
        raise UserError(f"{directory.name} has finished; nothing is left to measure", hint=hint)
    try:
        if failed_too:
            (directory / FAILED_TOO).touch()
        with contextlib.suppress(FileNotFoundError):
            (directory / layout.STOP).unlink()
    except OSError as error:
        raise UserError(f"{directory}: cannot resume the sweep: {error.strerror}") from None
    _conduct(directory)
    if progress.status != "interrupted":
        _await_the_beginning(directory, progress.began)


def _await_the_beginning(directory: Path, before: float | None) -> None:
    """Return when the log no longer ends with the last end: who looks at it then sees a sweep under way."""
    deadline = time.monotonic() + BEGIN_S
    while _logged(directory).began == before and time.monotonic() < deadline:
        if not is_conducted(directory):
            return
        time.sleep(0.02)


def _conduct(directory: Path) -> None:
    try:
        lock = _lock(directory)
        try:
            conductor = daemon.spawn(CONDUCTOR, directory, lock, "conductor.log")
        finally:
            os.close(lock)
    except OSError as error:
        raise UserError(f"{directory}: cannot start the conductor: {error.strerror}") from None
    # Collects the exit status when the starter lives longer than the sweep, so that no zombie stays.
    threading.Thread(target=conductor.wait, daemon=True).start()


def _lock(directory: Path) -> int:
    for _ in range(LOCK_TRIES):
        lock = layout.try_lock(directory)
        if lock is not None:
            return lock
        time.sleep(0.02)  # a reader that asks whether the lock is held holds it for a moment
    raise UserError(f"{directory.name} is under way")


def is_conducted(directory: Path) -> bool:
    """Whether a conductor holds the sweep right now; asking takes no lock that could be missed."""
    if _elsewhere(directory) is not None:
        # What it says in the log is all that can be known here.
        return _logged(directory).status not in ENDED
    return layout.is_locked(directory)


def _elsewhere(directory: Path) -> str | None:
    """The other machine on which the sweep was taken up last; None: it was on this one."""
    owner = layout.read_owner(directory)
    return owner.host if owner is not None and owner.host != layout.host_name() else None


def _logged(directory: Path) -> Progress:
    progress = Progress(directories.load(directory))
    progress.apply_all(LogReader(directory).read())
    return progress


def read(directory: Path) -> Progress:
    """How far a sweep is; one whose conductor is gone before its end is `interrupted`.

    Raises:
        UserError: the directory holds no sweep that this version can read.
    """
    progress = _logged(directory)
    if progress.status not in ENDED and not is_conducted(directory):
        progress = _logged(directory)  # it may have ended between the two looks
        if progress.status not in ENDED:
            progress.status = "interrupted"
    return progress


def stop(directory: Path, by: str) -> Progress:
    """Stop a sweep and the run under way, and wait until both have ended; nothing of them is left.

    Raises:
        UserError: the conductor, or the supervisor of the run, cannot be told or does not answer from another
            machine; or the end cannot be written.
    """
    deadline = time.monotonic() + STOP_S
    if is_conducted(directory):
        layout.request_stop(directory, by)
    while is_conducted(directory):
        if time.monotonic() > deadline:
            if (host := _elsewhere(directory)) is not None:
                raise UserError(
                    f"{directory.name} is conducted on {host}, which does not answer; stop it there"
                )
            layout.signal_supervisor(directory, signal.SIGKILL)
            deadline += STOP_S
        time.sleep(0.1)
    progress = read(directory)
    _stop_what_was_left(directory, progress, by)
    if progress.status == "interrupted":
        _write_end(directory, by)
        progress = read(directory)
    return progress


def _stop_what_was_left(directory: Path, progress: Progress, by: str) -> None:
    """A run goes on when its conductor was killed."""
    left = [note.run for note in progress.runs.values() if note.settled is None]
    for run in (*left, *(started.run for started in unnoted(directory, progress.runs))):
        run_dir = paths.runs_dir() / run
        if run_dir.is_dir() and not read_entry(run_dir).ended:
            stop_run(run_dir, f"the sweep was stopped by {by}")


def _write_end(directory: Path, by: str) -> None:
    lock = layout.try_lock(directory)
    if lock is None:
        return
    try:
        log = LogWriter(directory)
        try:
            log.write(Ended(wall=time.time(), status="stopped", why=by))
        finally:
            log.close()
    except OSError as error:
        raise UserError(f"{directory}: cannot write that the sweep was stopped: {error.strerror}") from None
    finally:
        os.close(lock)
