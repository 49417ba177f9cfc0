"""Whether the supervisor of a run or sweep is alive, and what a process may do because of a directory.

The supervisor holds the lock of its directory, and the directory names its process. Both are needed: a copy
of a directory, or one whose lock file was removed, has a lock that is free; the pid of a process in another
container, or of another user, may be invisible. A directory may also be a copy, belong to another user, or be
written by another machine, so what it says about processes is used only after `may_signal`.
"""

from __future__ import annotations

import enum
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from runner.run.job import JOB, Job, read_job
from runner.run.layout import LOCK, OWNER, PLAN, PROCESSES, STOP, UNREADABLE, is_locked
from runner.util import paths
from runner.util.bounds import Count, Pid, Whole
from runner.util.errors import UserError
from runner.util.files import read_file, write_atomically
from runner.util.processes import boot_id, machine_id, pid_namespace, start_time

POLL_S = 0.1
MIRROR_PROBLEM = ".problem"
"""in the copy of another machine's run: why nothing new arrives, while that is so"""
MIRROR_PLACE = ".place.json"
"""in the copy of another machine's run: its place in the queue of Slurm before it started, as an event"""


class Owner(msgspec.Struct, frozen=True):
    """The supervisor of a run or sweep; identifies the process even after pids were reused."""

    pid: Pid
    start_time: Count
    """clock ticks since boot, from /proc/PID/stat"""
    boot_id: str
    host: str
    machine: str = ""
    """`machine_id()`, which stays when the machine is renamed; empty: not known"""
    pid_namespace: Count = 0
    """`pid_namespace()`, in which `pid` is valid; 0: not known"""
    path: str = ""
    """the directory, without symbolic links; empty: not known"""
    inode: Whole = 0
    """of the directory; a copy has another path or another inode"""


class Liveness(enum.Enum):
    """What is known of the supervisor of a directory."""

    ALIVE = enum.auto()
    ELSEWHERE = enum.auto()
    """on another machine, which only its log can tell about; or a job that has not started"""
    KILLED = enum.auto()
    """there is none: it died since this machine was started, or there never was one"""
    RESTARTED = enum.auto()
    """there is none: this machine was restarted"""


def host_name() -> str:
    return os.uname().nodename


def owner_of(directory: Path, pid: int) -> Owner:
    """Return the record of a live process of this machine as the supervisor of a directory."""
    return Owner(
        pid=pid,
        start_time=start_time(pid) or 0,
        boot_id=boot_id(),
        host=host_name(),
        machine=machine_id(),
        pid_namespace=pid_namespace(),
        path=str(directory.resolve()),
        inode=directory.stat().st_ino,
    )


def read_owner(directory: Path) -> Owner | None:
    try:
        return msgspec.json.decode(read_file(directory / OWNER), type=Owner)
    except (OSError, *UNREADABLE):
        return None


def write_owner(directory: Path, owner: Owner) -> None:
    write_atomically(directory / OWNER, msgspec.json.encode(owner))


def claim(directory: Path) -> None:
    """Record this process as the supervisor of a directory.

    Raises:
        OSError: the directory is gone or not writable.
    """
    write_owner(directory, owner_of(directory, os.getpid()))


def is_mirror(directory: Path) -> bool:
    """Check whether a directory is the copy of another machine's run that `runner.fleet` keeps up to date.

    Its place decides, and nothing that is in it.
    """
    try:
        return paths.fleet_dir().resolve() in directory.resolve().parents
    except (OSError, RuntimeError):
        return False


def mirror_problem(directory: Path) -> str:
    """Return why nothing new arrives in the copy of another machine's run; empty: no reason is known."""
    try:
        return read_file(directory / MIRROR_PROBLEM, 500).decode("utf-8", "replace")
    except OSError:
        return ""


def check(directory: Path) -> Liveness:
    """Return what is known of the supervisor of a directory; writes nothing."""
    if is_mirror(directory):
        return Liveness.ELSEWHERE
    owner = read_owner(directory)
    if owner is None and (directory / JOB).exists():
        # The record in a copy, or of an archive, says nothing about this directory.
        is_foreign = may_change(directory) and read_own_job(directory) is None
        return Liveness.KILLED if is_foreign else Liveness.ELSEWHERE
    found = Liveness.KILLED if owner is None else _check_process(directory, owner)
    dead = found in (Liveness.KILLED, Liveness.RESTARTED)
    return Liveness.ALIVE if dead and is_locked(directory) else found


def _check_process(directory: Path, owner: Owner) -> Liveness:
    if owner.boot_id != boot_id():
        return Liveness.RESTARTED if _is_of_this_machine(directory, owner) else Liveness.ELSEWHERE
    if owner.pid_namespace not in (0, pid_namespace()):
        # The pid means another process here, or none; then the lock alone tells, if there is one.
        return Liveness.KILLED if (directory / LOCK).exists() else Liveness.ALIVE
    return Liveness.ALIVE if start_time(owner.pid) == owner.start_time else Liveness.KILLED


def _is_of_this_machine(directory: Path, owner: Owner) -> bool:
    """Check whether an earlier boot of this machine wrote a directory.

    Clones of a machine image can share their machine id and a network file system. A log that grew since this
    machine started is the log of another one.
    """
    if owner.host == host_name():
        return True
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        written = max((file.stat().st_mtime for file in directory.glob("*.jsonl")), default=0.0)
    except OSError:
        return False
    return owner.machine == machine_id() != "" and written < booted


def may_change(directory: Path) -> bool:
    """Check that this user made a directory, and that it is in one of our folders of runs and sweeps.

    Anybody can write anything into any other directory, so nothing is done because of what it says.
    """
    try:
        real = directory.resolve(strict=True)
        folders = (paths.runs_dir().resolve(), paths.sweeps_dir().resolve())
        return (
            real.parent in folders
            and _is_own(real, stat.S_ISDIR)
            and all(_is_own(real / name, stat.S_ISREG) for name in (OWNER, PLAN, PROCESSES))
        )
    except (OSError, RuntimeError):
        return False


def _is_own(path: Path, is_kind: Callable[[int], bool]) -> bool:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return True
    return status.st_uid == os.geteuid() and is_kind(status.st_mode)


def read_own_job(directory: Path) -> Job | None:
    """Return the job that this user submitted for a run; None: there is none.

    Slurm is asked, and jobs are cancelled, for no other: a copy, an archive and other users may name any job.
    """
    job = read_job(directory)
    try:
        is_here = job is not None and job.inode == directory.stat().st_ino
    except OSError:
        return None
    return job if is_here and may_change(directory) else None


def is_original(directory: Path, owner: Owner) -> bool:
    """Check that the supervisor started in this directory: then it is not a copy."""
    try:
        return (str(directory.resolve()), directory.stat().st_ino) == (owner.path, owner.inode)
    except OSError:
        return False


def was_started_here(run_dir: Path) -> bool:
    """Check that this user started a run in its directory: it was neither copied nor imported."""
    owner = read_owner(run_dir)
    return owner is not None and is_original(run_dir, owner) and may_change(run_dir)


def may_signal(directory: Path, owner: Owner) -> bool:
    """Check that processes that a directory names, or that carry its name, may get signals because of it."""
    return (
        owner.boot_id == boot_id()
        and owner.pid_namespace == pid_namespace()
        and is_original(directory, owner)
        and may_change(directory)
    )


def signal_supervisor(directory: Path, number: int) -> bool:
    """Send a signal to the supervisor of a run or sweep.

    Returns:
        False: it has ended, it is this process, or the directory is a copy or not ours.
    """
    owner = read_owner(directory)
    if owner is None or owner.pid == os.getpid() or start_time(owner.pid) != owner.start_time:
        return False
    if not may_signal(directory, owner):
        return False
    try:
        os.kill(owner.pid, number)
    except OSError:
        return False
    return True


def unreachable_reason(directory: Path) -> str:
    """Return why a live supervisor gets no signals from here, and what to do; empty: it can be killed."""
    if is_mirror(directory):
        return "it runs on another machine, which has not confirmed the stop yet"
    owner = read_owner(directory)
    if owner is None or may_signal(directory, owner):
        return ""
    found = check(directory)
    if found is Liveness.ELSEWHERE:
        return f"it runs on {owner.host}, which does not answer; stop it there"
    if found is not Liveness.ALIVE:
        return ""
    if owner.pid_namespace != pid_namespace():
        return f"it runs in another container ({owner.host}); stop it there"
    if owner.path and not is_original(directory, owner):
        return f"this is a copy of {owner.path}; stop it there"
    return f"its supervisor, process {owner.pid}, does not answer and is not ours to kill"


def kill_after(
    directory: Path, patience: float, is_over: Callable[[], bool], *, who: str = "its supervisor"
) -> None:
    """Wait until a stop that was requested is over; after `patience` seconds, kill the supervisor.

    Raises:
        UserError: it neither answers nor can be killed; the message calls it `who`.
    """
    deadline = time.monotonic() + patience
    killed = False
    while not is_over():
        if time.monotonic() > deadline:
            reason = unreachable_reason(directory)
            if reason or killed:
                raise UserError(
                    f"{directory.name} does not stop: {reason or f'{who} does not die from SIGKILL'}"
                )
            signal_supervisor(directory, signal.SIGKILL)
            killed = True
            deadline += patience
        time.sleep(POLL_S)


def request_stop(directory: Path, by: str) -> None:
    """Ask the supervisor of a run or sweep to stop it; it checks for this file many times a second.

    Raises:
        UserError: the directory is not writable and the supervisor belongs to another user.
    """
    try:
        # The directory may belong to another user, who can make a link there to any file of this one.
        write_atomically(directory / STOP, by.encode(), follow_link=False)
    except OSError as error:
        # A full disk must not prevent a stop: a signal works too, but it does not name the sender.
        if not signal_supervisor(directory, signal.SIGTERM):
            raise UserError(f"{directory}: cannot ask the run to stop: {error.strerror}") from None
