"""The whole product on a pseudo-terminal: real ranks, a terminal that goes away, and coming back."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.history.stop import stop_run
from runner.run import layout
from runner.util import processes
from tests.support.patience import PATIENCE_S
from tests.support.runs import state_of, wait_for, wait_until_ended
from tests.support.terminal import Terminal

PROFILE = """\
name: tiny
engine: torch
model:
  shape: {hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4,
          num_key_value_heads: 2, vocab_size: 256}
parallel: {tp: 2}
benchmark: {batch_size: [1, 2], input_output_len: [[8, 8]], num_runs: 40, duration: 2, warm_up: 2}
"""
ENDLESS = PROFILE.replace("duration: 2,", "duration: 3600,")
"""For what is done to a run under way: it must not end before, however busy the machine is."""

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("torch", "mpi4py")),
        reason="needs torch and mpi4py in this environment",
    ),
]


@pytest.fixture
def profile() -> str:
    return PROFILE


endless = pytest.mark.parametrize("profile", [ENDLESS], ids=["endless"])


@pytest.fixture
def dashboard(profile: str, tmp_path: Path) -> Iterator[Terminal]:
    """The dashboard of a run that has just been started on a terminal."""
    path = tmp_path / "tiny.yaml"
    path.write_text(profile)
    program = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"
    terminal = Terminal([sys.executable, "-c", program, "run", str(path)])
    yield terminal
    terminal.close()


def the_run() -> Path:
    wait_for(lambda: bool(layout.list_runs()), "the run directory")
    return layout.list_runs()[0]


def attach(run_dir: Path) -> Terminal:
    return Terminal([sys.executable, "-m", "tui.main", "attach", str(run_dir)])


def in_the_middle(run_dir: Path) -> bool:
    return bool(state_of(run_dir).configurations)


def test_the_live_run_and_then_its_table_appear(dashboard: Terminal) -> None:
    dashboard.wait_until_it_says("RUNNING", "/40")
    # Whatever reasons for doubt a busy machine gives, the table's head is below them.
    dashboard.wait_until_it_says("result of 2 ranks", "latency, mean")
    assert wait_until_ended(the_run()).status == "finished"
    dashboard.send(b"q")
    assert dashboard.wait() == 0


def test_a_run_outlives_every_dashboard(dashboard: Terminal) -> None:
    """The terminal of one is closed, one is killed, and the terminal of one vanishes without a SIGHUP."""
    run_dir = the_run()
    killed, without_terminal = attach(run_dir), attach(run_dir)
    try:
        without_terminal.wait_until_it_says("/40")
        wait_for(lambda: in_the_middle(run_dir), "the first configuration")
        os.close(without_terminal.main)
        without_terminal.process.wait(timeout=PATIENCE_S)
        os.kill(killed.process.pid, signal.SIGKILL)
        dashboard.close()  # SIGHUP to the dashboard that started the run
        state = wait_until_ended(run_dir)
    finally:
        killed.close()
        without_terminal.close()

    assert state.status == "finished"
    assert all(configuration.done for configuration in state.configurations)
    back = attach(run_dir)
    try:
        back.wait_until_it_says("FINISHED")
    finally:
        back.close()


@endless
def test_x_stops_the_run_and_leaves_no_process(dashboard: Terminal) -> None:
    run_dir = the_run()
    dashboard.wait_until_it_says("/40")
    dashboard.send(b"x")
    dashboard.wait_until_it_says("Stop this run?")
    dashboard.send(b"y")
    assert wait_until_ended(run_dir).status == "stopped"
    assert processes.find_tagged(run_dir.name) == []


@endless
def test_q_leaves_the_run_running_and_says_so(dashboard: Terminal) -> None:
    run_dir = the_run()
    dashboard.wait_until_it_says("/40")
    dashboard.send(b"q")
    words = f"trtbench-tui attach {run_dir.name[-4:]}".encode()
    dashboard.wait_for(lambda output: words in output)
    assert dashboard.wait() == 0
    assert state_of(run_dir).running
    assert stop_run(run_dir, "a test").status == "stopped"
