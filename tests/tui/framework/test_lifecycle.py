"""A dashboard told to go is gone within GRACE_S, whatever its terminal does."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.slow import first_of
from tests.support.terminal import Terminal
from tui.framework import lifecycle

SOON_S = 15.0
"""GRACE_S, and as much as a busy machine may add; a dashboard that waits for its terminal waits for ever."""

# A run that changes in every frame, so that a terminal that reads nothing is full soon.
PROGRAM = """
import os, signal, sys
if sys.argv[2] == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.environ["TEXTUAL_FPS"] = "60"
from dataclasses import dataclass
from pathlib import Path
from tests.support import recorded_runs as runs
from tests.support.recorder import RecordedFeed
from runner.cli.places import LivePlace
from tui.app import run_app

run = runs.under_way(64)
feed = run.feed(Path(sys.argv[1]))
class Busy(RecordedFeed):
    def drain(self, budget_s):
        i = self.state.events
        del run.events[:]
        run.iterate(1, "timed", 1, 6000 + i % 7 * 90, first=i)
        self.at = run.t
        self.pending += run.events
        return super().drain(budget_s)
feed.__class__ = Busy
import tui.screens.live.screen
tui.screens.live.screen.FRAME_S = 0.02
sys.exit(run_app(LivePlace(feed)))
"""


@pytest.fixture
def dashboard(started: str, tmp_path: Path) -> Iterator[Terminal]:
    """A dashboard that was started plainly or by nohup."""
    terminal = Terminal(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "runs"), started],
        columns=200,
        rows=50,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        terminal.wait_until_it_says("RUNNING")
        yield terminal
    finally:
        terminal.close()


def test_the_grace_is_two_seconds() -> None:
    assert lifecycle.GRACE_S == 2


WAYS = [
    ("plain", signal.SIGTERM),
    ("nohup", signal.SIGHUP),
    pytest.param("plain", signal.SIGHUP, marks=pytest.mark.slow),
    pytest.param("nohup", signal.SIGTERM, marks=pytest.mark.slow),
]
"""How it was started, and what tells it to go."""


@pytest.mark.parametrize(("started", "number"), WAYS)
def test_it_ends_when_told(dashboard: Terminal, number: signal.Signals) -> None:
    began = time.monotonic()
    dashboard.process.send_signal(number)
    code = dashboard.wait(SOON_S)
    # A machine that is too busy for leaving in good order within the grace sees it end nevertheless.
    assert code == 128 + number or (code == -signal.SIGALRM and time.monotonic() - began > lifecycle.GRACE_S)


@pytest.mark.parametrize(("started", "number"), WAYS)
def test_it_ends_when_told_although_nobody_reads_its_terminal(
    dashboard: Terminal, number: signal.Signals
) -> None:
    time.sleep(2.5)  # long enough for the queue of the thread that writes to be full
    dashboard.process.send_signal(number)
    dashboard.process.wait(SOON_S)


@pytest.mark.parametrize("started", first_of(["plain", "nohup"]))
def test_it_ends_when_its_terminal_is_gone(dashboard: Terminal) -> None:
    os.close(dashboard.main)
    dashboard.process.send_signal(signal.SIGHUP)
    dashboard.process.wait(SOON_S)


SLOW_PREFLIGHT = """
import sys, time
from runner import preflight
from tui.main import main
preflight.check = lambda profile: time.sleep(3600)
sys.exit(main([]))
"""


def test_it_does_not_wait_for_preflight(tmp_path: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-c", SLOW_PREFLIGHT],
        env={"PYTHONPATH": str(ROOT), "TRTBENCH_HOME": str(tmp_path)},
    )
    try:
        terminal.wait_until_it_says("preflight ...")
        terminal.send(b"q")
        assert terminal.wait() == 0
    finally:
        terminal.close()
