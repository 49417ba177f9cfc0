"""Keys of the live screen while much happens: from the press until the terminal shows what it did."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.benchmarks.result import Claim, Measured
from tests.support.recorded_runs import on_gpus
from tests.support.recorder import Recorder
from tests.support.terminal import ScreenText, Terminal
from tui.screens.live.plot_view import PLOT_MODES, TITLES

RANKS = 8
EVENTS_PER_S = 1000
SECONDS = 60
PRESSES = 120
COLUMNS, LINES = 160, 50
PROGRAM = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"
CLAIM = Claim(
    f"key pressed -> shown, p95 in ms, {EVENTS_PER_S} events/s arriving", "<= 100", lambda ms: ms <= 100
)


def measure() -> Measured:
    """Replay of eight ranks of 125 iterations a second; the key that switches the plot, at uneven moments."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = _recorded().write(Path(folder))
        terminal = Terminal(
            [sys.executable, "-c", PROGRAM, "replay", str(run_dir)], columns=COLUMNS, rows=LINES
        )
        glass = ScreenText(COLUMNS, LINES)
        try:
            _until(terminal, glass, TITLES[PLOT_MODES[0]])
            delays = []
            for press in range(1, PRESSES + 1):
                _watch(terminal, glass, 0.05 + (press * 37) % 200 / 1000)
                began = time.monotonic()
                terminal.send(b"v")
                _until(terminal, glass, TITLES[PLOT_MODES[press % len(PLOT_MODES)]])
                delays.append((time.monotonic() - began) * 1000)
        finally:
            terminal.process.kill()
            terminal.close()
    p95 = statistics.quantiles(delays, n=20)[-1]
    return Measured(CLAIM, p95, f"median {statistics.median(delays):.0f} ms, {PRESSES} presses")


def _recorded() -> Recorder:
    run = on_gpus(8, RANKS)
    run.begin_configuration()
    per_iteration_ms = 1000 * RANKS / EVENTS_PER_S
    for _ in range(SECONDS * 2):
        run.iterate(EVENTS_PER_S // RANKS // 2, base_ms=per_iteration_ms)
        run.read_gpus(1)
    # A replay begins with its first event: what led up to the benchmark takes no time here.
    began = run.t - SECONDS * 10**9
    run.events = [msgspec.structs.replace(event, t=max(event.t, began)) for event in run.events]
    return run


def _until(terminal: Terminal, glass: ScreenText, words: str) -> None:
    deadline = time.monotonic() + 20
    while not glass.says(words):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not shown within 20 s: {words!r}")
        glass.feed(terminal.read(0.05))


def _watch(terminal: Terminal, glass: ScreenText, seconds: float) -> None:
    for _, data in terminal.chunks(seconds):
        glass.feed(data)
