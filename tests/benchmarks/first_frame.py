"""Start-up: the dashboard's first frame, and its first form, against an empty Textual app with one Static."""

from __future__ import annotations

import statistics
import sys
import time

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
    empty, dashboard, form = [], [], []
    for _ in range(PAIRS):
        empty += _painted(EMPTY, b"first frame")
        first, later = _painted(DASHBOARD, b"trtbench-tui", b"dtype")
        dashboard.append(first)
        form.append(later)
    fast, slow, last = (statistics.median(times) * 1000 for times in (empty, dashboard, form))
    detail = f"{slow:.0f} ms / {fast:.0f} ms, medians of {PAIRS}; list and form of a profile: {last:.0f} ms"
    return Measured(CLAIM, slow / fast, detail)


def _painted(program: str, *words: bytes) -> list[float]:
    """Seconds from the start until each of the words was painted, in this order."""
    terminal = Terminal([sys.executable, "-c", program])
    output = b""
    times: list[float] = []
    try:
        for _, data in terminal.chunks(30):
            output += data
            while len(times) < len(words) and words[len(times)] in output:
                times.append(time.monotonic() - terminal.started)
            if len(times) == len(words):
                return times
        raise TimeoutError(f"not painted within 30 s: {words[len(times)]!r}")
    finally:
        terminal.process.kill()
        terminal.close()
