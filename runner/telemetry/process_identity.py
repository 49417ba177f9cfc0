"""Whose a process on a GPU is, from /proc: its user, its command, and the run that started it.

In a container the driver may count pids as the host does, so that a pid names no process here, or another
one. A process is described only where pids are those of the host, or if it has a device of the driver open.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from runner.util import processes
from runner.util.foreign_text import one_line

HOST_PID_NAMESPACE = 0xEFFFFFFC
"""inode of the first pid namespace of a machine (PROC_PID_INIT_INO of the kernel)"""
_DEVICES = ("/dev/nvidia", "/dev/dxg")
_LONGEST = 80
_MOST_BYTES = 1 << 16
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|node|bash|sh|java)[\d.]*$")
_WITH_VALUE = ("-W", "-X", "-cp")
"""options of interpreters whose value is the next argument"""


def describe_process(pid: int) -> dict[str, str]:
    """Return `user`, `command` and `run` of a process, as far as they are certain.

    The command has the program, and of an interpreter also the script or module. Further arguments are left
    out: those of others may contain secrets, and logs are shared.
    """
    if processes.pid_namespace() != HOST_PID_NAMESPACE and not _has_device(pid):
        return {}
    found = {
        "user": processes.owner_name(pid),
        "command": short_command(_words(pid, "cmdline")) or processes.name(pid),
        "run": _run_of(pid),
    }
    return {name: cleaned for name, text in found.items() if (cleaned := one_line(text)[:_LONGEST])}


def short_command(arguments: Sequence[str]) -> str:
    """Return the program without its folder, and the script or module that an interpreter runs."""
    if not arguments or not arguments[0]:
        return ""
    # Some programs write a title over all of their arguments: `ray::IDLE`, `postgres: writer`.
    program = os.path.basename(arguments[0].split(" ")[0])
    if not _INTERPRETER.match(program):
        return program
    rest = [word for word in arguments[1:] if word]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-m" and rest:
            return f"{program} -m {rest[0]}"
        if option in ("-c", "-e"):
            return f"{program} {option}"
        if option in _WITH_VALUE and rest:
            rest.pop(0)
    return f"{program} {os.path.basename(rest[0])}" if rest else program


def _has_device(pid: int) -> bool:
    """Check whether a process has a device of the driver open; one of another user cannot be checked."""
    folder = f"/proc/{pid}/fd"
    try:
        return any(os.readlink(f"{folder}/{name}").startswith(_DEVICES) for name in os.listdir(folder))
    except OSError:
        return False


def _run_of(pid: int) -> str:
    """Return the id of the run that started a process; empty: none, or a process of another user."""
    prefix = f"{processes.TAG}="
    return next((word[len(prefix) :] for word in _words(pid, "environ") if word.startswith(prefix)), "")


def _words(pid: int, file: str) -> list[str]:
    try:
        with open(f"/proc/{pid}/{file}", "rb") as opened:
            return opened.read(_MOST_BYTES).decode(errors="replace").split("\0")
    except OSError:
        return []
