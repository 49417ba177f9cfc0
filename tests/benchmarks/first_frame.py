"""Start-up: the dashboard's first frame against that of an empty Textual app with one Static."""

from __future__ import annotations

import statistics
import sys

from tests.benchmarks.result import Claim, Measured
from tests.terminal import Terminal

EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("first frame")

Empty().run()
"""
DASHBOARD = "import sys; from runner.cli import main; sys.exit(main([]))"
PAIRS = 9

CLAIM = Claim("first frame of the dashboard / of an empty app", "<= 1.5", lambda ratio: ratio <= 1.5)


def measure() -> Measured:
    """Interleaved starts; the ratio of the medians of the time to the first painted words."""
    empty, dashboard = [], []
    for _ in range(PAIRS):
        empty.append(_first_frame(EMPTY, b"first frame"))
        dashboard.append(_first_frame(DASHBOARD, b"quickstart"))
    slow, fast = statistics.median(dashboard), statistics.median(empty)
    return Measured(CLAIM, slow / fast, f"{slow * 1000:.0f} ms / {fast * 1000:.0f} ms, medians of {PAIRS}")


def _first_frame(program: str, words: bytes) -> float:
    terminal = Terminal([sys.executable, "-c", program])
    try:
        return terminal.wait_for(lambda output: words in output)
    finally:
        terminal.process.kill()
        terminal.close()
