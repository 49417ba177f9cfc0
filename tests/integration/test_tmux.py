"""The whole product where most people run it: in tmux, whose session is detached, killed and made anew."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.history.stop import stop_run
from runner.run import layout
from runner.util import processes
from tests.integration.test_end_to_end import ENDLESS
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("torch", "mpi4py")),
        reason="needs torch and mpi4py in this environment",
    ),
]


class Tmux:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path) -> None:
        self._command = ["tmux", "-u", "-S", str(folder / "it"), "-f", "/dev/null"]
        self._status = folder / "status"

    def start(self, words: list[str], columns: int, rows: int) -> None:
        size = ["-x", str(columns), "-y", str(rows)]
        # The shell tells how it ended: a server of tmux that sees the terminal close before it hears of
        # the program's end does not know its status, and may never.
        kept = f"{shlex.join(words)}; echo $? > {shlex.quote(str(self._status))}; sleep 60"
        self._do("new-session", "-d", "-s", "it", *size, kept)

    def keys(self, *keys: str) -> None:
        self._do("send-keys", "-t", "it", *keys)

    @property
    def screen(self) -> str:
        return self._do("capture-pane", "-t", "it", "-p")

    def wait_until_it_says(self, words: str, timeout: float = PATIENCE_S) -> None:
        wait_for(lambda: words in self.screen, f"{words!r} on the screen", timeout)

    @property
    def exit_code(self) -> str:
        """Of the program, once it has ended; empty before."""
        return self._status.read_text().strip() if self._status.exists() else ""

    def kill(self) -> None:
        """End the server; it is gone afterwards, so that the next one can take its socket."""
        server = subprocess.run([*self._command, "display", "-p", "#{pid}"], capture_output=True, text=True)
        if server.returncode == 0:
            pid = int(server.stdout)
            born = processes.start_time(pid)
            self._do("kill-server")
            wait_for(lambda: processes.start_time(pid) != born, "the end of tmux")

    def _do(self, *words: str) -> str:
        done = subprocess.run([*self._command, *words], capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    # The path of a socket has little room.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="tmux-") as folder:
        server = Tmux(Path(folder))
        yield server
        server.kill()


def command(*words: str) -> list[str]:
    """The command line with the environment of the test, which a tmux server would not pass on."""
    kept = [f"{name}={os.environ[name]}" for name in ("TRTBENCH_HOME", "XDG_CONFIG_HOME", "PATH")]
    root = ROOT
    return [
        "env",
        *kept,
        f"PYTHONPATH={root}",
        "LC_ALL=C.UTF-8",
        sys.executable,
        "-m",
        "tui.main",
        *words,
    ]


def test_a_run_outlives_its_tmux_and_is_there_in_the_next(tmux: Tmux, tmp_path: Path) -> None:
    profile = tmp_path / "tiny.yaml"
    profile.write_text(ENDLESS)
    tmux.start(command("run", str(profile)), 120, 40)
    tmux.wait_until_it_says("RUNNING")
    tmux.wait_until_it_says("latency over time, ms")
    run_dir = layout.list_runs()[0]

    tmux.kill()
    tmux.start(command("attach", run_dir.name[-4:]), 80, 24)
    tmux.wait_until_it_says("RUNNING")

    assert stop_run(run_dir, "a test").status == "stopped"
    tmux.wait_until_it_says("STOPPED")
    tmux.keys("q")
    wait_for(lambda: tmux.exit_code == "3", "the end of the dashboard")
