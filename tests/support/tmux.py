"""A tmux server of its own, for tests of the whole product where most people run it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from runner.util import processes
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for


class Tmux:
    """A tmux server with one window, which shows one program."""

    def __init__(self, folder: Path) -> None:
        """Take an empty folder with a short path, because the path of a socket has little room."""
        self._command = ["tmux", "-u", "-S", str(folder / "it"), "-f", "/dev/null"]
        self._status = folder / "status"

    def start(self, words: list[str], columns: int, rows: int) -> None:
        """Start the server with a program; an earlier one has to be gone."""
        self._status.unlink(missing_ok=True)
        size = ["-x", str(columns), "-y", str(rows)]
        # The shell tells how it ended: a server of tmux that sees the terminal close before it hears of
        # the program's end does not know its status, and may never.
        kept = f"{shlex.join(words)}; echo $? > {shlex.quote(str(self._status))}; sleep 60"
        self._do("new-session", "-d", "-s", "it", *size, kept)

    def keys(self, *keys: str) -> None:
        """Press keys, named as tmux names them."""
        self._do("send-keys", "-t", "it", *keys)

    @property
    def screen(self) -> str:
        return self._do("capture-pane", "-t", "it", "-p")

    def wait_until_it_says(self, words: str, timeout: float = PATIENCE_S) -> None:
        wait_for(lambda: words in self.screen, f"{words!r} on the screen", timeout, pause=0.2)

    def wait_until_it_ended(self) -> str:
        """Wait for the end of the program; return its exit code."""
        wait_for(lambda: bool(self.exit_code), "the end of the program")
        return self.exit_code

    @property
    def exit_code(self) -> str:
        """Exit code of the program; empty while it runs."""
        return self._status.read_text().strip() if self._status.exists() else ""

    @property
    def pid(self) -> int | None:
        """Process of the server; None: it does not run."""
        server = subprocess.run([*self._command, "display", "-p", "#{pid}"], capture_output=True, text=True)
        return int(server.stdout) if server.returncode == 0 else None

    def kill(self) -> None:
        """End the server, if it runs, and wait until the next one can take its socket."""
        pid = self.pid
        if pid is not None:
            born = processes.start_time(pid)
            self._do("kill-server")
            wait_for(lambda: processes.start_time(pid) != born, "the end of tmux")

    def _do(self, *words: str) -> str:
        done = subprocess.run([*self._command, *words], capture_output=True, text=True, check=True)
        return done.stdout


def product_command(*words: str) -> list[str]:
    """Return a command line of the product; a tmux server would not pass the environment on."""
    kept = [f"{name}={os.environ[name]}" for name in ("TRTBENCH_HOME", "XDG_CONFIG_HOME", "PATH")]
    return ["env", *kept, f"PYTHONPATH={ROOT}", "LC_ALL=C.UTF-8", sys.executable, "-m", "tui.main", *words]
