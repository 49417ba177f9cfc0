"""A long run on the live screen: what it holds in memory, and whether its frames get slower."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from runner import events as ev
from runner.events.journal import EventReader
from runner.run import layout
from tests.benchmarks.result import Claim, Measured
from tests.support.recorded_runs import on_gpus
from tests.support.recorder import RecordedFeed, Recorder

SHORT, LONG = 1_000, 1_000_000
FRAMES = 60
SIZE = (160, 50)
MEMORY = Claim(f"memory of the live screen of {LONG:,} iterations, MB", "<= 150", lambda mb: mb <= 150)
SLOWER = Claim(f"a frame after {LONG:,} iterations / after {SHORT:,}", "<= 1.5", lambda ratio: ratio <= 1.5)


class Cost(NamedTuple):
    megabytes: float
    """most that the process ever held"""
    frame_ms: float
    """median of taking in one iteration and drawing it"""


def measure_memory() -> Measured:
    return Measured(MEMORY, _cost(LONG).megabytes, f"after {SHORT:,}: {_cost(SHORT).megabytes:.0f} MB")


def measure_frames() -> Measured:
    short, long = _cost(SHORT).frame_ms, _cost(LONG).frame_ms
    return Measured(SLOWER, long / short, f"{long:.1f} ms / {short:.1f} ms, medians of {FRAMES}")


@functools.cache
def _cost(iterations: int) -> Cost:
    """In a process of its own: the peak of this one is that of every benchmark before."""
    with tempfile.TemporaryDirectory() as folder:
        run = on_gpus(8, 1)
        run.duration = iterations * 0.01
        run.begin_configuration()
        run_dir = run.write(Path(folder))
        _append(run, run_dir / layout.EVENTS, iterations)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(_watched, (run_dir, run.t, iterations))


def _append(run: Recorder, log: Path, iterations: int) -> None:
    with open(log, "ab") as file:
        for i in range(iterations):
            file.write(ev.encode(_iteration(run.t + i * 10**7, i)))
    run.t += iterations * 10**7


def _iteration(t: int, i: int) -> ev.Iteration:
    """Ten milliseconds, with some noise and a few that are far slower."""
    latency = 10.0 + (i * 7919) % 1000 / 2000 + (5.0 if i % 9973 == 0 else 0.0)
    return ev.Iteration(
        t=t, stage=2, rank=0, config=1, i=i, phase="timed", latency_ms=latency, generation_ms=latency * 0.8
    )


def _watched(run_dir: Path, at: int, iterations: int) -> Cost:
    return asyncio.run(_frames(run_dir, at, iterations))


async def _frames(run_dir: Path, at: int, iterations: int) -> Cost:
    from runner.cli.places import LivePlace
    from tui.app import TrtbenchApp
    from tui.screens.live.screen import LiveScreen

    feed = RecordedFeed(run_dir, layout.load_plan(run_dir), at)
    reader = EventReader(run_dir / layout.EVENTS)
    while events := reader.read():
        feed.state.apply_all(events)
    app = TrtbenchApp(LivePlace(feed))
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, LiveScreen)
        spent = []
        for frame in range(FRAMES):
            feed.at += 10**7
            feed.pending = [_iteration(feed.at, frame)]
            began = time.perf_counter()
            screen.tick()
            await pilot.pause()
            spent.append((time.perf_counter() - began) * 1000)
    configuration = feed.state.configuration
    assert configuration is not None
    assert configuration.latency.n == iterations + FRAMES
    return Cost(_peak_kb() / 1024, statistics.median(spent))


def _peak_kb() -> int:
    """Most that this program held; `ru_maxrss` would count what the process was before it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
