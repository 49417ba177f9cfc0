"""The whole product on a pseudo-terminal: real ranks, a terminal that goes away, and coming back."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
benchmark: {batch_size: [1, 2], input_output_len: [[8, 8]], num_runs: 20, duration: 1, warm_up: 2}
"""
ENDLESS = PROFILE.replace("duration: 1,", "duration: 3600,")
"""For what is done to a run under way: it must not end before, however busy the machine is."""

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("torch", "mpi4py")),
        reason="needs torch and mpi4py in this environment",
    ),
]


@pytest.fixture
def dashboard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """The dashboard of a run that has just been started on a terminal; the parameter is its profile."""
    path = tmp_path / "tiny.yaml"
    path.write_text(request.param)
    program = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"
    terminal = Terminal([sys.executable, "-c", program, "run", str(path)])
    yield terminal
    terminal.close()


def the_run() -> Path:
    wait_for(lambda: bool(layout.list_runs()), "the run directory")
    return layout.list_runs()[0]


def attach(run_dir: Path) -> Terminal:
    return Terminal([sys.executable, "-m", "tui.main", "attach", str(run_dir)])


def iterations(run_dir: Path) -> int:
    """How many iterations the log has of all configurations."""
    return sum(configuration.latency.n for configuration in state_of(run_dir).configurations)


def goes_on(run_dir: Path) -> bool:
    """Wait until a run has measured more than now."""
    before = iterations(run_dir)
    wait_for(lambda: iterations(run_dir) > before, "more iterations")
    return state_of(run_dir).running


@pytest.mark.parametrize("dashboard", [PROFILE], ids=["short"], indirect=True)
def test_the_live_run_and_then_its_table_appear(dashboard: Terminal) -> None:
    dashboard.wait_until_it_says("RUNNING", "/20")
    # Whatever reasons for doubt a busy machine gives, the table's head is below them.
    dashboard.wait_until_it_says("result of 2 ranks", "latency, mean")
    run_dir = the_run()
    state = wait_until_ended(run_dir)
    assert state.status == "finished"
    assert all(configuration.done for configuration in state.configurations)
    dashboard.send(b"q")
    assert dashboard.wait() == 0
    back = attach(run_dir)
    try:
        back.wait_until_it_says("FINISHED")
    finally:
        back.close()


@pytest.mark.parametrize("dashboard", [ENDLESS], ids=["endless"], indirect=True)
def test_a_run_outlives_every_dashboard_until_x(dashboard: Terminal) -> None:
    """One is left with q, one is killed, the terminal of one vanishes, one is closed; x stops the run."""
    run_dir = the_run()
    killed, without_terminal = attach(run_dir), attach(run_dir)
    last: Terminal | None = None
    try:
        dashboard.wait_until_it_says("/20")
        dashboard.send(b"q")
        words = f"trtbench-tui attach {run_dir.name[-4:]}".encode()
        dashboard.wait_for(lambda output: words in output)
        assert dashboard.wait() == 0

        without_terminal.wait_until_it_says("/20")
        os.close(without_terminal.main)
        without_terminal.main = -1
        without_terminal.process.wait(timeout=PATIENCE_S)
        killed.wait_until_it_says("/20")
        os.kill(killed.process.pid, signal.SIGKILL)
        last = attach(run_dir)
        last.wait_until_it_says("/20")
        last.close()  # SIGHUP
        assert goes_on(run_dir)

        last = attach(run_dir)
        last.wait_until_it_says("/20")
        last.send(b"x")
        last.wait_until_it_says("Stop this run?")
        last.send(b"y")
        assert wait_until_ended(run_dir).status == "stopped"
    finally:
        for terminal in (killed, without_terminal, *([last] if last else [])):
            terminal.close()
    assert processes.find_tagged(run_dir.name) == []
