"""Reading: a log of a million events, and a history of ten thousand runs."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from runner import events as ev
from runner.events.journal import EventReader
from runner.history import labels, ordering, query
from runner.history.reader import RunHistory, read_entries
from runner.history.trend import main_trend
from runner.report.build import build_report
from runner.report.files import read_state
from runner.run import layout
from runner.state.run import RunState
from runner.util import paths
from tests.benchmarks.result import Claim, Measured
from tests.support.paths import DATA

RECORDED = DATA / "h200-torch-1gpu"
EVENTS = 1_000_000
RUNS = 10_000
LOG = Claim("reading 1,000,000 events / json.loads of their lines", "<= 0.5", lambda ratio: ratio <= 0.5)
LIST = Claim("listing 10,000 runs, seconds", "<= 0.3", lambda seconds: seconds <= 0.3)
UNINDEXED = Claim("listing 10,000 runs without an index, seconds", "<= 1.0", lambda seconds: seconds <= 1.0)
CHOOSE = Claim("slowest filter, order or grouping of 10,000, s", "<= 0.3", lambda seconds: seconds <= 0.3)


def measure_log() -> Measured:
    """One rank's million iterations, the most expensive kind; against plain json.loads of the same lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        _write_log(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        state = RunState()
        reader = EventReader(path)
        while events := reader.read():
            state.apply_all(events)
        ours = time.process_time() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert state.configurations[0].latency.n == EVENTS
        start = time.process_time()
        with open(path, "rb") as lines:
            for line in lines:
                json.loads(line)
        plain = time.process_time() - start
    return Measured(LOG, ours / plain, f"{ours:.2f} s of processor time; memory grew by {grown:.0f} MiB")


def _write_log(path: Path) -> None:
    with open(path, "wb") as file:
        file.write(ev.encode(ev.StageStarted(t=0, stage=0, name="benchmark", pid=1, ranks=1)))
        file.write(
            ev.encode(
                ev.ConfigurationStarted(
                    t=0,
                    stage=0,
                    index=0,
                    batch_size=1,
                    input_len=1,
                    output_len=8,
                    num_runs=1,
                    duration=0,
                    warm_up=0,
                )
            )
        )
        for i in range(EVENTS):
            latency = 52.123456 + (i * 7919) % 1000 / 97
            file.write(
                ev.encode(
                    ev.Iteration(
                        t=123_456_789_012_345 + i * 52_000_000,
                        stage=0,
                        rank=0,
                        config=0,
                        i=i,
                        phase="timed",
                        latency_ms=latency,
                        generation_ms=latency * 0.8,
                        steps=7,
                    )
                )
            )


def measure_list() -> Measured:
    """Ended runs with reports of the usual size, by a process that asks for the first time."""
    with _ten_thousand_runs():
        read_entries()
        start = time.perf_counter()
        entries = read_entries()
        ours = time.perf_counter() - start
        assert len(entries) == RUNS
        known = RunHistory()
        known.entries()
        start = time.perf_counter()
        known.entries()
        again = time.perf_counter() - start
    return Measured(LIST, ours, f"asked again by the same process {1000 * again:.1f} ms")


def measure_unindexed() -> Measured:
    """The same when the index was deleted; against reading the same files without looking inside."""
    with _ten_thousand_runs():
        start = time.perf_counter()
        entries = read_entries()
        ours = time.perf_counter() - start
        start = time.perf_counter()
        for entry in entries:
            (entry.run_dir / "report.json").read_bytes()
        plain = time.perf_counter() - start
    return Measured(UNINDEXED, ours, f"{ours / plain:.2f} x the time of reading the files")


def measure_choosing() -> Measured:
    """What a key press on the screen of runs costs, at worst."""
    with _ten_thousand_runs():
        for number, name in enumerate(layout.list_names()[:2000]):
            labels.tag(name, [f"t{number % 7}", "all"])
        entries = read_entries(disk=True)
    filters = (
        "p1",
        "status:finished since:2026-01-01 -tag:t3",
        "tag:t*",
        "tokens:>1 warnings:>0 disk:>1k",
        "p*7?",
    )
    tasks: dict[str, Callable[[], object]] = {
        **{text: partial(query.filter_entries, entries, text) for text in filters},
        **{sort.name: partial(ordering.sort_entries, entries, sort) for sort in ordering.SORTS},
        "groups with their trends": lambda: [
            main_trend(runs) for runs in ordering.group_by_profile(entries).values()
        ],
    }
    seconds = {}
    for name, task in tasks.items():
        start = time.perf_counter()
        task()
        seconds[name] = time.perf_counter() - start
    slowest = max(seconds, key=lambda name: seconds[name])
    return Measured(CHOOSE, seconds[slowest], slowest)


@contextmanager
def _ten_thousand_runs() -> Iterator[None]:
    """Recorded reports of three configurations under 40 names, in a home of their own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRTBENCH_HOME"] = folder
        plan = layout.load_plan(RECORDED)
        recorded = build_report(plan, read_state(RECORDED))
        texts = [
            msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(recorded, profile=f"p{number}")))
            for number in range(40)
        ]
        root = paths.runs_dir()
        for number in range(RUNS):
            run_dir = root / f"20260101T{number:06}Z_p{number % 40}_{number:04x}"
            run_dir.mkdir(parents=True)
            (run_dir / layout.REPORT).write_bytes(texts[number % 40])
        yield
