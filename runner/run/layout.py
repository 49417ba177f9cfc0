"""The directory of a run: its files, its lock, and the list of all runs."""

from __future__ import annotations

import calendar
import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from runner.plan import redaction
from runner.plan.masking import Mask, line_mask
from runner.plan.plan import Plan
from runner.plan.repro_script import repro_script
from runner.util import paths
from runner.util.errors import UserError
from runner.util.files import (
    FOLDER_MODE,
    make_folders,
    open_append,
    read_file,
    write_atomically,
    write_new,
)

EVENTS = "events.jsonl"
PLAN = "plan.json"
PROFILE = "profile.yaml"
REPRO = "repro.sh"
REPORT = "report.json"
LOCK = "lock"
OWNER = "supervisor.json"
STOP = "stop"
SWEEP = "sweep.json"
"""in the directory of a sweep"""
BALLAST = "ballast"
PROCESSES = "processes"
RANKS = "ranks"
TELEMETRY = "telemetry.jsonl"
TELEMETRY_LOG = "telemetry.log"

SAFE_NAME = re.compile(r"[A-Za-z0-9._-]+")
"""Names that mean nothing to a shell or a terminal; other directories are listed, but never found by name."""
RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z_[A-Za-z0-9._-]+_[0-9a-f]{4}")
"""Ids of runs and sweeps; only `fullmatch` checks one, as `$` would let a newline pass."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of decoding JSON that is invalid or has other fields than expected."""


def four_letters() -> str:
    """Return the random end of an id, by which people name a run."""
    return os.urandom(2).hex()


def new_run_id(profile: str, wall: float | None = None) -> str:
    """Return `<UTC time>_<profile>_<4 hex>`; names sort by start (`wall`, else now)."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wall))
    return f"{stamp}_{profile}_{four_letters()}"


def creation_time(run: str) -> float:
    """Return when a run or sweep was created, from its id, in seconds since 1970; 0.0: not an id."""
    if not RUN_ID.fullmatch(run):
        return 0.0
    try:
        return float(calendar.timegm(time.strptime(run[:16], "%Y%m%dT%H%M%SZ")))
    except ValueError:
        return 0.0


def _unclaimed(_: Path) -> None:
    return None


@contextlib.contextmanager
def create_run_dir(
    run_dir: Path, plan: Plan, profile_yaml: str, *, claim: Callable[[Path], None] = _unclaimed
) -> Iterator[int]:
    """Make a run directory with its frozen inputs, complete before anything starts.

    Yields the lock of the run, which is held during the block. A directory counts as a run once it has a
    plan, which is written under the lock: readers never see a run without a holder, which counts as lost.

    Args:
        run_dir: the directory, which does not exist yet.
        plan: what to run.
        profile_yaml: the profile of the plan.
        claim: records who starts the run, in the directory before it counts as a run.

    Raises:
        UserError: the directory cannot be made (no permission, disk full).
    """
    with contextlib.ExitStack() as held:
        try:
            make_folders(run_dir.parent)
            run_dir.mkdir(mode=FOLDER_MODE)
            lock = try_lock(run_dir)
            assert lock is not None, "no other process knows the run yet"
            held.callback(os.close, lock)
            claim(run_dir)
            _write_inputs(run_dir, plan, profile_yaml)
        except OSError as error:
            shutil.rmtree(run_dir, ignore_errors=True)
            raise UserError(
                f"{run_dir}: cannot make the run directory: {error.strerror}",
                hint="runs are kept under $TRTBENCH_HOME, else ~/.local/state/trtbench; choose a disk with"
                " free space",
            ) from None
        yield lock


def _write_inputs(run_dir: Path, plan: Plan, profile_yaml: str) -> None:
    make_folders(run_dir / RANKS)
    for name, content in plan.files.items():
        make_folders((run_dir / name).parent)
        write_new(run_dir / name, content.encode())
    # Files with a secret are readable by their owner only, from the start.
    mode = 0o700 if redaction.withheld_names(plan) else 0o755
    for name, content in ((PROFILE, profile_yaml), (REPRO, repro_script(plan))):
        write_new(run_dir / name, content.encode(), mode & 0o666 if name == PROFILE else mode)
    write_atomically(run_dir / PLAN, msgspec.json.format(msgspec.json.encode(plan)), mode=mode & 0o666)


def load_plan(run_dir: Path) -> Plan:
    """Load the frozen plan of a run.

    Raises:
        UserError: the directory holds no plan that this version can read.
    """
    try:
        return msgspec.json.decode(read_file(run_dir / PLAN), type=Plan)
    except OSError as error:
        if not run_dir.exists():
            raise UserError(f"{run_dir}: there is no such directory; was the run deleted?") from None
        raise UserError(f"{run_dir}: not a run directory: {PLAN}: {error.strerror}") from None
    except UNREADABLE as error:
        raise UserError(f"{run_dir / PLAN}: cannot be read as a plan: {error}") from None


def mask_of_run(run_dir: Path) -> Mask:
    """Return the mask of a run for readers of lines; without a plan, of the secrets of this process."""
    values = redaction.values_in_environment(os.environ)
    with contextlib.suppress(UserError):
        values += redaction.secret_values(load_plan(run_dir))
    return line_mask(values)


def log_mode(run_dir: Path) -> int:
    """Return the permissions of the raw logs of a run: those of its plan, as a program may print a secret."""
    try:
        return (run_dir / PLAN).stat().st_mode & 0o644
    except OSError:
        return 0o600


def stage_log(run_dir: Path, index: int, name: str) -> Path:
    """Return the path of the raw output of a stage."""
    return run_dir / f"{index}-{name}.log"


def list_runs() -> list[Path]:
    """Return all run directories, newest first."""
    root = paths.runs_dir()
    return [root / name for name in list_names() if RUN_ID.fullmatch(name)]


def list_names() -> list[str]:
    """Return the names of all run directories, newest first, then those of other directories next to them.

    Hidden directories are left out: the trash, and incomplete runs.
    """
    try:
        with os.scandir(paths.runs_dir()) as entries:
            names = [
                entry.name
                for entry in entries
                if RUN_ID.fullmatch(entry.name) or (entry.is_dir() and not entry.name.startswith("."))
            ]
    except OSError:
        return []
    return sorted(names, key=lambda name: (RUN_ID.fullmatch(name) is not None, name), reverse=True)


def list_sweeps() -> list[Path]:
    """Return all sweep directories, newest first."""
    root = paths.sweeps_dir()
    try:
        names = [name for name in os.listdir(root) if RUN_ID.fullmatch(name)]
    except OSError:
        return []
    return [root / name for name in sorted(names, reverse=True)]


def try_lock(run_dir: Path) -> int | None:
    """Take the lock of a run; None: its supervisor (or a reader that cleans up) holds it.

    The holder of the lock is the only writer of the log. The lock is taken before the run is visible
    (`create_run_dir`) and passed on, so a run has a holder until it ends or its supervisor dies.

    Raises:
        OSError: the directory is gone or not writable.
    """
    file = os.open(run_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def is_locked(directory: Path) -> bool:
    """Check whether a process holds the lock of a directory."""
    try:
        file = os.open(directory / LOCK, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def make_ballast(run_dir: Path, size: int) -> None:
    """Reserve bytes on the disk, so that the end of a run can be written even if the disk is full."""
    with contextlib.suppress(OSError), open_append(run_dir / BALLAST) as file:
        os.posix_fallocate(file.fileno(), 0, size)


def remove_ballast(run_dir: Path) -> None:
    with contextlib.suppress(OSError):
        (run_dir / BALLAST).unlink()


def remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()


def read_stop_request(run_dir: Path) -> str | None:
    """Return who asked for a stop; None: there is no request."""
    try:
        return (run_dir / STOP).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
