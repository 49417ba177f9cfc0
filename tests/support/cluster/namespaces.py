"""New namespaces of the kernel with a first process, and whether this machine allows them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from runner.util import processes
from tests.support.runs import wait_for

PROGRAMS = ("unshare", "nsenter", "ip", "mount", "ssh", "ssh-keygen", "sshd")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INIT = Path(__file__).with_name("host_init.py")
PYTHON = [sys.executable, "-I", "-S"]
NAMESPACES = ["--mount", "--uts", "--ipc", "--net", "--pid"]


def program(name: str) -> str | None:
    """Return the path of a program; those of a system administrator are often not on PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def environment_outside() -> dict[str, str]:
    """Return the variables of programs that make hosts: PATH with those of a system administrator."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"}


@cache
def missing() -> str:
    """Return why hosts cannot be made on this machine; empty: they can."""
    absent = [name for name in PROGRAMS if program(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (`make test-cluster` installs what it needs)"
    if os.geteuid() != 0:
        return "hosts as namespaces need root"
    answer = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "--mount-proc", "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if answer.returncode == 0 else f"the kernel forbids namespaces: {answer.stderr.strip()}"


class Namespaces:
    """New namespaces and their first process, which ends when its stdin, a pipe from here, is closed."""

    def __init__(self, stack: ExitStack, kinds: Sequence[str], settings: Mapping[str, Any]) -> None:
        complete = {"kept": [], "over": [], **settings}
        self.process = subprocess.Popen(
            ["unshare", *kinds, "--fork", "--kill-child=KILL", "--mount-proc", *PYTHON, str(_INIT),
             json.dumps(complete)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment_outside(),
        )  # fmt: skip
        stack.callback(self.end)

    @property
    def pid(self) -> int:
        """The first process inside."""
        return processes.children(self.process.pid)[0][0]

    def ready(self) -> None:
        self._expect("ready")

    def connect(self) -> None:
        """Tell it that its link is connected, and wait until its network works."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self._expect("up")

    def _expect(self, word: str) -> None:
        assert self.process.stdout is not None
        while (line := self.process.stdout.readline()).strip() != word:
            assert line, f"a host ended before it was {word}; its messages are on stderr"

    def end(self) -> None:
        """End everything inside, and wait until it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        wait_for(lambda: self.process.poll() is not None, "the end of a host")
