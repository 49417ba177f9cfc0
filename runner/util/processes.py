"""Find all processes of a run and leave none behind. Linux only, through /proc.

A rank has its own process group and may fork, detach and ignore signals. A process belongs to a run if its
environment has the tag of the run, if it is or ever was seen as a descendant of the supervisor, or if it
descends from such a process.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from runner.util import cgroup
from runner.util.cgroup import Cgroup
from runner.util.files import open_append, system_text

TAG = "TRTBENCH_RUN"
ProcessIdentity = tuple[int, int]
"""pid and start time: a pid alone can be reused"""


def user_name() -> str:
    """Return the name of the user of this process; without an entry for it, `user 1000`."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def owner_name(pid: int) -> str:
    """Return the name of the user of a process, `user 1000` without an entry; empty: no process."""
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def age_s(pid: int) -> float | None:
    """Return the seconds since a process was started; None: no process."""
    start = start_time(pid)
    if start is None:
        return None
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - start / os.sysconf("SC_CLK_TCK"))


def boot_id() -> str:
    """Return the id of this boot; pids and CLOCK_MONOTONIC are valid within one boot only."""
    return system_text(Path("/proc/sys/kernel/random/boot_id")).strip()


def machine_id() -> str:
    """Return a hash of the id of this installation, which stays when the machine is renamed; empty: none.

    The id itself is confidential (man 5 machine-id).
    """
    text = system_text(Path("/etc/machine-id")).strip()
    if not text:
        return ""
    from hashlib import blake2s  # it loads OpenSSL, which readers of runs of this boot do not need

    return blake2s(text.encode(), digest_size=8, person=b"trtbench").hexdigest()


def pid_namespace() -> int:
    """Return the id of the namespace in which the pids of this process are valid; 0: not known."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def start_time(pid: int) -> int | None:
    """Return the start of a process in clock ticks since boot; None: no process, or a zombie."""
    stat = _stat(pid)
    return stat.start if stat is not None and stat.state != "Z" else None


class Stat(msgspec.Struct, frozen=True):
    name: str
    """the kernel's name of the program, at most 15 characters"""
    state: str
    parent: int
    start: int
    cpu_ticks: int
    """user and system time used so far"""


def _stat(pid: int) -> Stat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The command name may contain spaces and brackets; the fields start after the last bracket.
    name, fields = text[text.find(b"(") + 1 : text.rfind(b")")], text[text.rfind(b")") + 2 :].split()
    return Stat(
        name=name.decode(errors="replace"),
        state=fields[0].decode(),
        parent=int(fields[1]),
        start=int(fields[19]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
    )


def descendants(root: int, spared: Collection[int] = ()) -> list[ProcessIdentity]:
    """Return all live descendants of a process, but neither those `spared` nor what descends from them.

    The cost depends on its own tree only, not on the machine.
    """
    found: list[ProcessIdentity] = []
    waiting = [root]
    while waiting:
        below = [process for process in children(waiting.pop()) if process[0] not in spared]
        found += below
        waiting += [pid for pid, _ in below]
    return found


def children(parent: int) -> list[ProcessIdentity]:
    """Return the live child processes of a process."""
    found = []
    for child in _children(parent):
        stat = _stat(child)
        if stat is not None and stat.state != "Z":
            found.append((child, stat.start))
    return found


def cpu_ticks(members: Iterable[ProcessIdentity]) -> dict[ProcessIdentity, int]:
    """Return the processor time of live processes, in clock ticks."""
    ticks = {}
    for pid, start in members:
        stat = _stat(pid)
        if stat is not None and stat.start == start:
            ticks[(pid, start)] = stat.cpu_ticks
    return ticks


def all_cpu_ticks() -> dict[ProcessIdentity, int]:
    """Return the processor time of every live process that this one can see, in clock ticks."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    stats = {pid: _stat(pid) for pid in pids}
    return {(pid, stat.start): stat.cpu_ticks for pid, stat in stats.items() if stat is not None}


def name(pid: int) -> str:
    """Return the kernel's name of the program of a process, at most 15 characters; empty: no process."""
    stat = _stat(pid)
    return stat.name if stat is not None else ""


def states(pids: Iterable[int]) -> dict[int, str]:
    """Return the kernel's state letter of each live process."""
    stats = {pid: _stat(pid) for pid in pids}
    return {pid: stat.state for pid, stat in stats.items() if stat is not None}


def innermost_pid(pid: int) -> int:
    """Return the pid of a process in its innermost namespace, as a process in a container sees it."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"NSpid:"):
                    return int(line.split()[-1])
    except OSError:
        pass
    return pid


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children += map(int, file.read().split())
    except OSError:
        pass
    return children


def find_tagged(run: str) -> list[ProcessIdentity]:
    """Return the processes of this machine with the tag of the run in their environment."""
    wanted = f"{TAG}={run}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                environment = file.read()
        except OSError:
            continue
        if wanted in environment.split(b"\0"):
            stat = _stat(int(entry))
            if stat is not None and stat.state != "Z":
                found.append((int(entry), stat.start))
    return found


class RunProcesses(msgspec.Struct):
    """All processes ever seen in a run; also on disk, for a later clean-up."""

    run: str
    record: Path
    seen: set[ProcessIdentity] = msgspec.field(default_factory=set)
    spared: set[int] | None = None
    """children of this process that are no members; None: this process does not adopt those of the run"""
    cgroup: Cgroup | None = None
    """the control group of the stage that runs; None: it has none"""

    def create_cgroup(self) -> None:
        """Create a control group for the next stage, if possible, and record it."""
        self.cgroup = cgroup.create(self.run)
        if self.cgroup is not None:
            self._record(f"cgroup {self.cgroup.path}\n")

    def remove_cgroup(self) -> None:
        """Remove the control group; one that still has a process stays, and is reported as such elsewhere."""
        if self.cgroup is not None:
            self.cgroup.remove()
            self.cgroup = None

    def load(self) -> None:
        """Load the record of an earlier supervisor."""
        try:
            lines = self.record.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            words = line.split(maxsplit=1)
            if len(words) == 2 and words[0] == "cgroup":
                self.cgroup = cgroup.find(words[1], self.run)
            if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
                self.seen.add((int(words[0]), int(words[1])))

    def note(self, processes: Iterable[ProcessIdentity]) -> None:
        """Add processes, in memory and on disk."""
        new = [process for process in processes if process not in self.seen]
        if not new:
            return
        self.seen.update(new)
        self._record("".join(f"{pid} {start}\n" for pid, start in new))

    def _record(self, lines: str) -> None:
        # A full disk must not end the supervision; what is recorded is still in memory.
        with contextlib.suppress(OSError), open_append(self.record) as file:
            file.write(lines.encode())

    def alive(self) -> set[ProcessIdentity]:
        """Return live members: own, tagged and recorded ones and their descendants; never this process."""
        roots = {process for process in self.seen if start_time(process[0]) == process[1]}
        roots.update(find_tagged(self.run))
        for pid, _ in list(roots):
            roots.update(descendants(pid))
        if self.spared is not None:
            roots.update(descendants(os.getpid(), self.spared))
        if self.cgroup is not None:
            starts = {pid: start_time(pid) for pid in self.cgroup.pids()}
            roots.update((pid, start) for pid, start in starts.items() if start is not None)
        return {process for process in roots if process[0] != os.getpid()}

    def has_children(self) -> bool:
        """Check whether this process adopts members and has one, even one that no scan has found.

        The kernel may leave processes out of a list of children while others of the list end.
        """
        if self.spared is None or self.spared:
            return False  # spared ones are children, too
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True


def kill_all(members: RunProcesses, timeout: float = 10.0) -> tuple[int, int]:
    """Kill every member until two scans in a row find none.

    Returns:
        How many were killed, and how many are left (in uninterruptible sleep, or owned by another user).
    """
    killed: set[ProcessIdentity] = set()
    deadline = time.monotonic() + timeout
    empty_scans = 0
    while True:
        alive = members.alive()
        empty_scans = 0 if alive or members.has_children() else empty_scans + 1
        if empty_scans == 2 or time.monotonic() > deadline:
            members.remove_cgroup()
            return len(killed - alive), len(alive)
        if alive and members.cgroup is not None:
            members.cgroup.kill()
        killed |= alive
        for pid, _ in alive:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        reap_children()
        time.sleep(0.02)


def reap_children() -> dict[int, int]:
    """Reap ended child processes, including adopted ones.

    Returns:
        Exit code by pid; negative: the signal that ended it.
    """
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)
