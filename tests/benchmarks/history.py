"""Reading: a log of a million events, and a history of ten thousand runs."""

from __future__ import annotations

import json
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

from runner import events as ev
from runner import history, paths, report
from runner.journal import EventReader
from runner.state import RunState
from tests.benchmarks.result import Claim, Measured
from tests.runs import PROGRAM, plan_of, record

EVENTS = 1_000_000
RUNS = 10_000
LOG = Claim("reading 1,000,000 events into RunState, seconds", "<= 2.5", lambda seconds: seconds <= 2.5)
LIST = Claim("listing 10,000 runs, seconds", "<= 0.5", lambda seconds: seconds <= 0.5)


def measure_log() -> Measured:
    """One rank's million iterations, the most expensive kind; against plain json.loads of the same lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        _write_log(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        state = RunState()
        reader = EventReader(path)
        while events := reader.read():
            state.apply_all(events)
        ours = time.perf_counter() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert state.configurations[0].latency.n == EVENTS
        start = time.perf_counter()
        with open(path, "rb") as lines:
            for line in lines:
                json.loads(line)
        plain = time.perf_counter() - start
    return Measured(LOG, ours, f"{ours / plain:.2f} x the time of json.loads; memory grew by {grown:.0f} MiB")


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
    """Ended runs with reports of the usual size; against reading the same files without looking inside."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRTBENCH_HOME"] = folder
        _make_runs(paths.runs_dir())
        start = time.perf_counter()
        entries = history.entries()
        ours = time.perf_counter() - start
        assert len(entries) == RUNS
        start = time.perf_counter()
        for entry in entries:
            (entry.run_dir / "report.json").read_bytes()
        plain = time.perf_counter() - start
    return Measured(LIST, ours, f"{ours / plain:.2f} x the time of reading the files")


def _make_runs(root: Path) -> None:
    plan = plan_of(["python", str(PROGRAM)])
    name = "20260101T{:06}Z_program_{:04x}"
    first = record(
        root / name.format(0, 0),
        plan,
        [
            ev.RunStarted(
                t=1, run="r", schema=1, wall=1e9, host="h", boot_id="b", pid=1, cores=2, version="0"
            ),
            *(
                ev.ConfigurationStarted(
                    t=2,
                    stage=0,
                    index=i,
                    batch_size=i,
                    input_len=1,
                    output_len=8,
                    num_runs=1,
                    duration=0,
                    warm_up=0,
                )
                for i in range(4)
            ),
            ev.RunEnded(t=3, status="finished", wall=1e9),
        ],
    )
    report.write(first, report.build(plan, report.read_state(first)))
    for number in range(1, RUNS):
        shutil.copytree(first, root / name.format(number, number))
