"""A control group (version 2) of its own for the processes of a run, where this user may create one.

The kernel ends all its processes at once (`cgroup.kill`, Linux 5.14), whatever they have done to hide, even
after the supervisor was killed. It needs root, or a subtree that was delegated to the user:
`systemd-run --user --scope -p Delegate=yes`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from runner.util.files import system_text

PREFIX = "trtbench-"
_OWN = Path("/proc/self/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")
_KILL = "cgroup.kill"
_PROCS = "cgroup.procs"


class Cgroup(msgspec.Struct, frozen=True):
    """A control group that holds processes of one run only."""

    path: Path

    def join(self) -> None:
        """Move this process, and so all its later children, into the group; on failure it stays outside."""
        with contextlib.suppress(OSError):
            (self.path / _PROCS).write_bytes(b"0")

    def pids(self) -> list[int]:
        """Return the processes of the group and of groups inside it."""
        found: list[int] = []
        for folder, _, _ in os.walk(self.path):
            with contextlib.suppress(OSError):
                found += map(int, Path(folder, _PROCS).read_bytes().split())
        return found

    def kill(self) -> None:
        """Kill all processes of the group, also those that are forked meanwhile."""
        with contextlib.suppress(OSError):
            (self.path / _KILL).write_bytes(b"1")

    def remove(self) -> None:
        """Remove the group, if it has no process."""
        for folder, _, _ in os.walk(self.path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def create(run: str) -> Cgroup | None:
    """Create the group of a run inside the group of this process; None: that is impossible here."""
    parent = _own_directory()
    if parent is None or system_text(parent / "cgroup.subtree_control").strip():
        return None  # a group with controllers would compete for the processor like a single process
    group = Cgroup(parent / f"{PREFIX}{run}")
    try:
        group.path.mkdir()
    except OSError:
        return None
    # A process may join only if its user may also change the group that it leaves.
    if os.access(parent / _PROCS, os.W_OK) and os.access(group.path / _KILL, os.W_OK):
        return group
    group.remove()
    return None


def find(path: str, run: str) -> Cgroup | None:
    """Return the group of a run at a recorded path; None: there is none, or it is not a group of this run."""
    group = Cgroup(Path(path))
    # The record may be of another user or machine, and name any other directory.
    is_group = any(group.path.is_relative_to(mount) for _, mount in _mounts())
    if not is_group or os.path.realpath(path) != path or group.path.name != f"{PREFIX}{run}":
        return None
    return group if (group.path / _KILL).exists() else None


def is_possible() -> bool:
    """Check whether runs get a group of their own here."""
    group = create(f"probe-{os.getpid()}")
    if group is None:
        return False
    group.remove()
    return True


def _own_directory() -> Path | None:
    """Return the directory of the group of this process; None: it has none of version 2."""
    own = next((line[3:] for line in system_text(_OWN).splitlines() if line.startswith("0::/")), None)
    if own is None:
        return None
    for root, mount in _mounts():
        if own == root or own.startswith(f"{root}/"):
            return mount / own[len(root) :].lstrip("/")
    return None


def _mounts() -> Iterator[tuple[str, Path]]:
    """Yield the mounts of control groups: the mounted group, without a slash at its end, and where."""
    for line in system_text(_MOUNTS).splitlines():
        # 30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            root, mount = before.split()[3:5]
            yield root.rstrip("/"), Path(mount)
