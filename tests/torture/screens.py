"""Dashboards that start a run, where people have them: on a terminal, in tmux, at the other end of an ssh."""

from __future__ import annotations

import contextlib
import grp
import os
import pty
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.util import processes
from runner.util.processes import ProcessIdentity
from tests.support.runs import wait_for
from tests.support.terminal import Terminal
from tests.support.tmux import Tmux

_TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])"
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "XDG_CONFIG_HOME")
"""Variables that a server of tmux or ssh would not pass on, beside our own."""
_SBIN = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin"


@dataclass(frozen=True)
class Screen:
    """A dashboard, and what of its surroundings is to be hit."""

    find_victim: Callable[[], int | None]
    """returns the process to hit; None: there is none now"""
    find_program: Callable[[], list[ProcessIdentity]]
    """returns the processes of the dashboard"""


def why_not(kind: str) -> str:
    """Return why a kind of screen cannot be had here; empty: it can."""
    needed = {"tmux": ("tmux",), "ssh": ("ssh", "ssh-keygen", "sshd"), "sshd": ("ssh", "ssh-keygen", "sshd")}
    missing = [program for program in needed.get(kind, ()) if shutil.which(program, path=_SBIN) is None]
    if missing:
        return f"{missing[0]} is not installed"
    return _why_no_terminal() if kind in ("ssh", "sshd") else ""


def _why_no_terminal() -> str:
    """Return why an sshd of this user cannot hand out terminals; empty: it can."""
    ends = pty.openpty()
    try:
        is_right = os.geteuid() == 0 or os.fstat(ends[1]).st_gid == grp.getgrnam("tty").gr_gid
    except KeyError:
        is_right = True
    finally:
        for end in ends:
            os.close(end)
    return "" if is_right else "/dev/pts is mounted without gid=5, so only an sshd of root can use it"


@contextlib.contextmanager
def opened(kind: str, words: Sequence[str], mark: str) -> Iterator[Screen]:
    """Run a program on a screen of a kind; everything is closed at the end.

    Args:
        kind: one of `scenario.SCREENS`.
        words: the command line of the program.
        mark: one of the words, which no other process has.
    """

    def below(root: int | None) -> list[ProcessIdentity]:
        return [one for one in processes.descendants(root) if _says(one[0], mark)] if root else []

    with contextlib.ExitStack() as at_end:
        # The path of a socket has little room.
        folder = Path(at_end.enter_context(tempfile.TemporaryDirectory(dir="/tmp", prefix="trtbench-s-")))
        if kind == "tmux":
            tmux = Tmux(folder)
            at_end.callback(tmux.kill)
            tmux.start(_with_environment(words), 120, 40)
            server = tmux.pid
            yield Screen(lambda: server, lambda: below(server))
            return
        if kind in ("ssh", "sshd"):
            sshd = at_end.enter_context(_sshd(folder))
            terminal = Terminal([*_ssh_command(folder), shlex.join(_with_environment(words))])
            at_end.callback(terminal.close)
            here, there = terminal.process.pid, lambda: _session(sshd)
            yield Screen((lambda: here) if kind == "ssh" else there, lambda: below(sshd))
            return
        is_hit = kind == "dashboard"
        terminal = Terminal(words if is_hit else [sys.executable, "-c", _TERMINAL, *words])
        at_end.callback(terminal.close)
        pid = terminal.process.pid
        born = processes.start_time(pid)
        itself = [(pid, born)] if is_hit and born is not None else []
        yield Screen(lambda: pid, lambda: [*itself, *below(pid)])


def _with_environment(words: Sequence[str]) -> list[str]:
    names = [name for name in os.environ if name.startswith("TRTBENCH_") or name in _PASSED_ON]
    settings = [f"{name}={os.environ[name]}" for name in names]
    return ["env", *settings, "TERM=xterm-256color", "LC_ALL=C.UTF-8", *words]


def _says(pid: int, mark: str) -> bool:
    try:
        return mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


@contextlib.contextmanager
def _sshd(folder: Path) -> Iterator[int]:
    """Start a server of ssh of this user for this machine only, with keys of its own; yields its pid."""
    for key in ("user_key", "host_key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "port").write_text(str(port))
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/user_key.pub\n"
        "StrictModes no\nUsePAM no\nUseDNS no\nPidFile none\nPasswordAuthentication no\nPrintMotd no\n"
    )
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    sshd = shutil.which("sshd", path=_SBIN)
    assert sshd is not None
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "config")], stderr=log)
    try:
        wait_for(lambda: _answers(port) or server.poll() is not None, "an sshd")
        assert server.poll() is None, (folder / "log").read_text()
        yield server.pid
    finally:
        for pid, _ in processes.descendants(server.pid):
            if processes.name(pid).startswith("sshd"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _ssh_command(folder: Path) -> list[str]:
    options = ("IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
               "LogLevel=ERROR", "BatchMode=yes")  # fmt: skip
    port = (folder / "port").read_text()
    words = ["ssh", "-F", "/dev/null", "-tt", "-p", port, "-i", str(folder / "user_key")]
    return [*words, *(word for option in options for word in ("-o", option)), "127.0.0.1"]


def _session(sshd: int) -> int | None:
    """Return the process of the server that holds the terminal of the session; None: there is none now."""
    below = [pid for pid, _ in processes.descendants(sshd) if processes.name(pid).startswith("sshd")]
    return below[-1] if below else None
