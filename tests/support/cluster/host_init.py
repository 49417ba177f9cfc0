"""The first process of a host: mounts what a machine has of its own, waits for its network, reaps orphans.

Started inside new namespaces as `host_init.py SETTINGS`, a JSON object:
`name`, `address` (with prefix length; empty: no link), `own` (folders that are empty at the start and not
shared), `kept` (folders below them that are shared), `over` (pairs: the first is mounted over the second).

It prints `ready` when the link can be connected, and `up` when it has received a line and its network works.
It ends, and with it all processes of the host, when its stdin is closed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path


def call(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def mount_own(own: list[str], kept: list[str]) -> None:
    """Mount an empty file system over each folder; what is kept below it shows through."""
    for folder in own:
        below = [path for path in kept if Path(path).is_relative_to(folder)]
        held = [os.open(path, os.O_PATH) for path in below]
        call("mount", "-t", "tmpfs", "-o", "mode=1777", "bed", folder)
        for path, descriptor in zip(below, held, strict=True):
            os.makedirs(path, exist_ok=True)
            # The path of the folder is hidden now; its descriptor still names it.
            subprocess.run(
                ["mount", "--no-canonicalize", "--bind", f"/proc/self/fd/{descriptor}", path],
                check=True,
                pass_fds=[descriptor],
            )
            os.close(descriptor)


def reap() -> None:
    """Take the exit status of every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main() -> None:
    settings = json.loads(sys.argv[1])
    socket.sethostname(settings["name"])
    for source, target in settings["over"]:
        call("mount", "--bind", source, target)
    mount_own(settings["own"], settings["kept"])
    for folder in ("/run/lock", "/run/sshd"):
        if folder.startswith(tuple(settings["own"])):
            os.makedirs(folder, exist_ok=True)
    call("ip", "link", "set", "lo", "up")
    print("ready", flush=True)
    sys.stdin.readline()
    if settings["address"]:
        call("ip", "address", "add", settings["address"], "dev", "eth0")
        call("ip", "link", "set", "eth0", "up")
    # Python would close the write end on exec; a byte arrives in it with each signal.
    wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    print("up", flush=True)
    while True:
        readable, _, _ = select.select([0, wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
            reap()
        if 0 in readable and not os.read(0, 1):
            return


if __name__ == "__main__":
    main()
