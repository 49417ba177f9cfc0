"""The live path: how late a point is on the screen, and what watching costs the measured loop."""

from __future__ import annotations

import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from runner import events as ev
from runner.engines.registry import make_plan
from runner.events.journal import EventReader
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.run import layout, liveness
from runner.supervision import launch
from tests.benchmarks.result import Claim, Measured
from tests.support.runs import start, under_mpirun, wait_until_ended
from tests.support.terminal import ScreenText, Terminal

RANKS = 8
PAIRS = 5
DELAY = Claim("iteration ended on its rank -> drawn, p95 in ms, 8 ranks", "<= 250", lambda ms: ms <= 250)
EFFECT = Claim("mean latency watched / bare rank program", "within 1 %", lambda ratio: abs(ratio - 1) <= 0.01)
COLUMNS, LINES = 120, 40
# The progress line counts timed iterations of rank 0.
_COUNT = re.compile(r"(\d+)/2000")


def attach(run_dir: Path) -> Terminal:
    program = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"
    return Terminal([sys.executable, "-c", program, "attach", str(run_dir)], columns=COLUMNS, rows=LINES)


@contextmanager
def _own_home() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRTBENCH_HOME"] = folder
        yield


def measure_delay(seconds: float = 20.0) -> Measured:
    """Eight real ranks, 15 iterations a second each; the count on the screen against the rank's clock."""
    with _own_home():
        run_dir = start(under_mpirun("slow", RANKS))
        terminal, glass = attach(run_dir), ScreenText(COLUMNS, LINES)
        drawn: dict[int, int] = {}
        try:
            terminal.wait_for(_counts(glass))
            for t, data in terminal.chunks(seconds):
                glass.feed(data)
                if found := _COUNT.search(glass.text):
                    drawn.setdefault(int(found[1]), t)
        finally:
            liveness.request_stop(run_dir, "the benchmark")
            terminal.close()
            wait_until_ended(run_dir)
        ended = {event.i + 1: event.t for event in _iterations(run_dir)}
    # A frame shows the newest iteration; all that ended since the frame before became visible with it.
    delays = []
    shown = sorted(drawn)
    for before, count in itertools.pairwise(shown):
        delays += [(drawn[count] - ended[i]) / 1e6 for i in range(before + 1, count + 1) if i in ended]
    p95 = statistics.quantiles(delays, n=20)[-1]
    return Measured(DELAY, p95, f"median {statistics.median(delays):.0f} ms, n {len(delays)}")


def _counts(glass: ScreenText) -> Callable[[bytes], bool]:
    """Whether all output so far shows the count; what came is on the glass then."""
    seen = 0

    def look(output: bytes) -> bool:
        nonlocal seen
        glass.feed(output[seen:])
        seen = len(output)
        return bool(_COUNT.search(glass.text))

    return look


def _iterations(run_dir: Path) -> Iterator[ev.Iteration]:
    reader = EventReader(run_dir / layout.EVENTS)
    while events := reader.read():
        for event in events:
            if isinstance(event, ev.Iteration) and event.rank == 0 and event.phase == "timed":
                yield event


def measure_effect() -> Measured:
    """The torch engine on one rank, with a core to spare: bare and watched in turn, latencies as printed."""
    changes = [
        "parallel.tp=1",
        "benchmark.batch_size=[1]",
        "benchmark.input_output_len=[[32, 16]]",
        "benchmark.num_runs=60",
        "launch.env={OMP_NUM_THREADS: '1'}",
    ]
    profile = with_changes(find("quickstart").load(), changes)
    ratios = []
    for _ in range(PAIRS):
        with _own_home():
            bare_dir = Path(os.environ["TRTBENCH_HOME"]) / "bare"
            with layout.create_run_dir(bare_dir, make_plan(profile, bare_dir), ""):
                pass
            bare = printed_latency(
                subprocess.run(
                    [str(bare_dir / layout.REPRO)], capture_output=True, text=True, check=True
                ).stdout
            )
            run_dir = launch.start(profile)
            terminal = attach(run_dir)
            for _ in terminal.chunks(120):
                if (run_dir / layout.REPORT).exists():
                    break
            terminal.close()
            wait_until_ended(run_dir)
            watched = printed_latency(layout.stage_log(run_dir, 0, "benchmark").read_text())
        ratios.append(watched / bare)
    shown = msgspec.json.encode([round(ratio, 4) for ratio in ratios]).decode()
    return Measured(EFFECT, statistics.median(ratios), f"median of {PAIRS} pairs {shown}")


def printed_latency(output: str) -> float:
    found = re.search(r" latency\(ms\) ([\d.]+)", output)
    assert found is not None, output
    return float(found[1])
