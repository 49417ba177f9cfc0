"""Start-up: the dashboard's first frame, and its first form, against an empty Textual app with one Static."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from runner.run import layout
from tests.benchmarks.result import Claim, Measured
from tests.support.paths import DATA
from tests.support.terminal import Terminal

EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("first frame")

Empty().run()
"""
DASHBOARD = "import sys; from tui.main import main; sys.exit(main([]))"
PAIRS = 9

ATTACH = "import sys; from tui.main import main; sys.exit(main(['attach', sys.argv[1]]))"
RECORDED = DATA / "h200-torch-1gpu"
LIVE = Claim("first frame of the live screen / of an empty app", "<= 1.4", lambda ratio: ratio <= 1.4)
CLAIM = Claim("first frame of the dashboard / of an empty app", "<= 1.4", lambda ratio: ratio <= 1.4)


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


def measure_live() -> Measured:
    """The same for a run that one attaches to, with everything on it: here one recorded on an H200."""
    empty, live = [], []
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "20260101T000000Z_torch-1gpu_7bff"
        lock = _without_end(run_dir)
        for _ in range(PAIRS):
            empty += _painted(EMPTY, b"first frame")
            live += _painted(ATTACH, b"latency over time", arguments=[str(run_dir)])
        os.close(lock)
    fast, slow = (statistics.median(times) * 1000 for times in (empty, live))
    return Measured(LIVE, slow / fast, f"{slow:.0f} ms / {fast:.0f} ms, medians of {PAIRS}")


def _without_end(run_dir: Path) -> int:
    """Copy the recorded run as one under way (an ended one opens its result); return its lock, held."""
    shutil.copytree(RECORDED, run_dir, ignore=shutil.ignore_patterns(layout.REPORT))
    events = run_dir / layout.EVENTS
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(line for line in lines if b'"kind":"run_ended"' not in line))
    lock = layout.try_lock(run_dir)
    assert lock is not None
    return lock


def _painted(program: str, *words: bytes, arguments: Sequence[str] = ()) -> list[float]:
    """Seconds from the start until each of the words was painted, in this order."""
    # As installed: compiled once, and not at each start.
    terminal = Terminal([sys.executable, "-c", program, *arguments], env={"PYTHONDONTWRITEBYTECODE": ""})
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
