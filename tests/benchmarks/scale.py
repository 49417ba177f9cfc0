"""What 1,024 ranks and 1,024 GPUs on 128 nodes cost the collector, the log and the dashboard.

    .venv/bin/python -m tests.benchmarks.scale [--nodes 128] [--gpus 8] [--rate 2] [--seconds 20]

A second process writes the records of the ranks with the real `Recorder`. Times are processor time, so that
other programs of the machine do not count. It is not one of the claims of `make bench`; `docs/scale.md` has
the results.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from runner import events as ev
from runner.cli.places import LivePlace
from runner.engines.output import OutputReader
from runner.events import AnyEvent, encode
from runner.events.journal import LineReader
from runner.history.run_feed import EventCallback
from runner.plan.plan import Plan
from runner.ranks.records import Recorder
from runner.state.run import RunState
from runner.supervision.collector import Collector
from runner.supervision.stage import POLL_S
from tests.support.node_logs import SECOND, NodeRun
from tests.tui.cockpit import OneScreenApp
from tui.screens.live.screen import FRAME_S, LiveScreen

HZ = 2.0
"""readings of the GPUs, a second"""
ENERGY_S = 5.0
"""between two readings of the energy counter of a GPU"""


@dataclass
class Measurement:
    """Processor time of something that is repeated."""

    name: str
    each_ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.process_time()
        yield
        self.each_ms.append((time.process_time() - began) * 1000)

    def line(self) -> str:
        ordered = sorted(self.each_ms)
        p95 = ordered[int(0.95 * (len(ordered) - 1))]
        core = 100 * sum(ordered) / 1000 / self.wall_s if self.wall_s else 0.0
        return (
            f"{self.name:<52} median {median(ordered):8.2f}   p95 {p95:8.2f}   max {ordered[-1]:8.2f} ms"
            f"   {core:6.1f} % of a core"
        )


# --- the collector -----------------------------------------------------------------------------------------


def write_records(folder: str, ranks: int, rate: float, seconds: float) -> None:
    """Write iterations of all ranks into their files, `rate` a second."""
    recorders = [Recorder(rank, folder) for rank in range(ranks)]
    for recorder in recorders:
        recorder.hello(world=ranks, device=f"cuda:{recorder.rank % 8}", label="NVIDIA H200", versions={})
    began, i = time.monotonic(), 0
    while rate and time.monotonic() < began + seconds:
        for recorder in recorders:
            recorder.iteration(
                config=0, i=i, phase="timed", latency_ms=1000 / rate, generation_ms=800 / rate, steps=127
            )
        i += 1
        time.sleep(max(0.0, began + i / rate - time.monotonic()))
    time.sleep(max(0.0, began + seconds - time.monotonic()))


def measure_collector(ranks: int, rate: float, seconds: float) -> None:
    """Poll as a stage does while the ranks write; print the cost of a poll and the bytes of the log."""
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "ranks"
        records.mkdir()
        log = Path(folder) / "0-benchmark.log"
        log.touch()
        collector = Collector(
            0, records, LineReader(log), OutputReader(parse_result=lambda text: None), ranks=ranks
        )
        program = [sys.executable, "-m", "tests.benchmarks.scale", "--feed", folder + "/ranks"]
        feeder = subprocess.Popen([*program, f"--ranks={ranks}", f"--rate={rate}", f"--seconds={seconds}"])
        polls = Measurement(f"poll of the collector, {ranks} ranks at {rate:g}/s")
        encoded = Measurement(f"writing its events, {ranks} ranks at {rate:g}/s")
        while len(list(records.iterdir())) < ranks:
            time.sleep(0.1)
        collector.collect(time.monotonic_ns())
        began, taken, size, late = time.monotonic(), 0, 0, []
        while feeder.poll() is None:
            with polls.timed():
                events = collector.collect(time.monotonic_ns())
            now = time.monotonic_ns()
            with encoded.timed():
                size += sum(len(encode(event)) for event in events)
            taken += len(events)
            late += [(now - event.t) / 1e6 for event in events]
            time.sleep(POLL_S)
        polls.wall_s = encoded.wall_s = time.monotonic() - began
        print(polls.line(), flush=True)
        print(encoded.line())
        if taken:
            delay = sorted(late)[int(0.95 * len(late))]
            print(
                f"  {taken / polls.wall_s:,.0f} events/s, {size / polls.wall_s / 1000:,.1f} kB/s"
                f" ({size / taken:.0f} bytes each); written -> collected, p95 {delay:.0f} ms"
            )


# --- the dashboard -----------------------------------------------------------------------------------------


@dataclass
class SimulatedFeed:
    """The events of a run on many nodes, made when they are due."""

    run_dir: Path
    plan: Plan
    run: NodeRun
    rate: float
    state: RunState = field(default_factory=RunState)
    live: bool = True
    is_mirror: bool = False
    loaded: float = 1.0
    gone: bool = False
    folding: Measurement = field(default_factory=lambda: Measurement("fold of the events of a frame"))
    taken: int = 0
    size: int = 0
    at: int = 0
    _pending: list[AnyEvent] = field(default_factory=list)
    _next: dict[str, int] = field(default_factory=dict)
    _i: int = 0

    def __post_init__(self) -> None:
        self.at = self.run.events[-1].t
        self.state.apply_all(self.run.events)

    def now(self) -> int:
        return self.at

    def pass_time(self, seconds: float) -> None:
        self.at += round(seconds * SECOND)
        self._pending = list(self._due())
        self.taken += len(self._pending)
        self.size += sum(len(encode(event)) for event in self._pending)

    def drain(self, budget_s: float, on_events: EventCallback | None = None) -> int:
        events, self._pending = self._pending, []
        with self.folding.timed():
            self.state.apply_all(events)
        return len(events)

    def _every(self, what: str, seconds: float) -> Iterator[int]:
        due = self._next.setdefault(what, self.at)
        while due <= self.at:
            yield due
            due += round(seconds * SECOND)
        self._next[what] = due

    def _due(self) -> Iterator[AnyEvent]:
        run = self.run
        for t in self._every("samples", 1 / HZ):
            for node in range(run.nodes):
                yield self._wrapped(node, run.sample(node, t))
        for t in self._every("host", 1.0):
            for node in range(run.nodes):
                yield self._wrapped(node, run.host(node, t))
        for t in self._every("energy", ENERGY_S):
            for node in range(run.nodes):
                for reading in run.energy(node, t):
                    yield self._wrapped(node, reading)
        for t in self._every("iterations", 1 / self.rate):
            yield from run.iteration(self._i, t)
            self._i += 1

    def _wrapped(self, node: int, event: ev.NodeReading) -> AnyEvent:
        return ev.FromNode(t=event.t, node=self.run.name(node), event=event) if node else event


async def measure_dashboard(run: NodeRun, rate: float, seconds: float) -> None:
    """Draw frames of 120x40 with the events of a fifth of a second each, without a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        feed = SimulatedFeed(run.write(Path(folder) / "20260101T000000Z_p_7f3a"), run.plan(), run, rate)
        app = OneScreenApp(LivePlace(feed))
        async with app.run_test(size=(120, 40)) as pilot:
            screen = app.screen
            assert isinstance(screen, LiveScreen)
            for panel in ("", "gpus", "ranks"):
                screen.maximised = panel
                name = f"frame, {panel or 'all panels'}, {run.nodes * run.gpus} ranks and GPUs"
                frames = Measurement(name)
                feed.folding = Measurement("  of that the fold of new events")
                feed.taken = feed.size = 0
                count = round(seconds / FRAME_S)
                for _ in range(count):
                    feed.pass_time(FRAME_S)
                    with frames.timed():
                        screen.tick()
                        await pilot.pause()
                frames.wall_s = feed.folding.wall_s = count * FRAME_S
                print(frames.line(), flush=True)
                print(feed.folding.line())
            taken, size = feed.taken / frames.wall_s, feed.size / frames.wall_s
            print(f"  {taken:,.0f} events/s, {size / 1000:,.1f} kB/s of the log")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"most memory of the process: {peak:.0f} MiB")


def measure_bytes(run: NodeRun, rate: float) -> None:
    """Print the bytes of each message, as the real encoders write it, and their sum a second."""
    t = run.measured
    sample, host, energy = run.sample(1, t), run.host(1, t), run.energy(1, t)[0]
    [iteration, *_] = run.iteration(1, t)

    def wrap(event: ev.NodeReading) -> int:
        return len(encode(ev.FromNode(t=t, node="node100", event=event)))

    ranks = run.nodes * run.gpus
    parts = {
        "iteration of a rank": (len(encode(iteration)), ranks * rate),
        f"reading of {run.gpus} GPUs of a node": (wrap(sample), run.nodes * HZ),
        "load of a node": (wrap(host), run.nodes),
        "energy counter of a GPU": (wrap(energy), ranks / ENERGY_S),
    }
    for name, (size, each) in parts.items():
        print(f"{name:<40} {size:5d} bytes x {each:8,.1f}/s = {size * each / 1000:8,.1f} kB/s")
    messages = sum(each for _, each in parts.values())
    total = sum(size * each for size, each in parts.values())
    print(f"{'together':<40} {messages:,.0f} messages/s, {total / 1000:,.1f} kB/s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=128)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--ranks", type=int, default=0)
    parser.add_argument("--rate", type=float, default=2.0, help="iterations a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--feed", default="", help="write records into this folder, and nothing else")
    parser.add_argument("--part", default="bytes collector dashboard")
    options = parser.parse_args()
    ranks = options.ranks or options.nodes * options.gpus
    if options.feed:
        write_records(options.feed, ranks, options.rate, options.seconds)
        return
    run = NodeRun(
        nodes=options.nodes, gpus=options.gpus, iterations=3, slow_node=5, all_columns=True, end=False
    )
    if "bytes" in options.part:
        measure_bytes(run, options.rate)
    if "collector" in options.part:
        for rate in (0.0, options.rate):
            measure_collector(ranks, rate, options.seconds)
    if "dashboard" in options.part:
        asyncio.run(measure_dashboard(run, options.rate, options.seconds))


if __name__ == "__main__":
    main()
