"""Running the stand-in benchmark.py, plainly or observed, and reading what came of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.engines.benchmark_line import parse_result, results_in
from runner.engines.output import OutputReader
from runner.events.journal import LineReader
from runner.state.run import RunState
from runner.supervision.collector import Collector
from tests import standins
from tests.runner.ranks import support
from tests.support.paths import ROOT

OBSERVER = ROOT / "runner" / "ranks" / "observer.py"
Record = dict[str, Any]

SHORT = ("--duration", "0", "--num_runs", "5", "--log_level", "info")
SMALL = ("--input_output_len", "8,6", "--batch_size", "2", *SHORT)


@dataclass(frozen=True)
class Observed:
    process: subprocess.CompletedProcess[str]
    ranks: dict[int, list[Record]]

    def of_kind(self, kind: str, rank: int = 0, **wanted: object) -> list[Record]:
        return [
            record
            for record in self.ranks[rank]
            if record["kind"] == kind and all(record.get(key) == value for key, value in wanted.items())
        ]

    def latencies(self, config: int = 0, rank: int = 0) -> list[float]:
        return [
            record["latency_ms"] for record in self.of_kind("iteration", rank, phase="timed", config=config)
        ]

    @property
    def results(self) -> list[dict[str, str]]:
        return list(results_in(self.process.stdout))


def run(
    tmp_path: Path,
    words: Sequence[str],
    *,
    ranks: int = 0,
    observed: bool = True,
    script: Path = standins.BENCHMARK,
    driver: Path = OBSERVER,
    env: Mapping[str, str] | None = None,
) -> Observed:
    """Run a script with the engine in `tmp_path`; `ranks` 0 means without a launcher.

    `driver` starts the script in place of the observer, with the same arguments.
    """
    engine = tmp_path / "engine"
    if not engine.exists():
        standins.make_engine(engine, ranks=max(1, ranks))
    records = tmp_path / "records"
    records.mkdir(exist_ok=True)
    command = [*([str(driver)] if observed else []), str(script), "--engine_dir", str(engine), *words]
    environment = standins.environment() | {"TRTBENCH_RECORDS": str(records), "PYTHONUNBUFFERED": "1"}
    environment |= env or {}
    if ranks:
        process = support.mpirun(ranks, *command, **environment)
    else:
        process = support.python(*command, cwd=tmp_path, **environment)
    found = {int(path.stem): read(path.read_text()) for path in records.glob("*.jsonl")}
    return Observed(process, found)


def fold(observed: Observed, tmp_path: Path) -> RunState:
    """The state of a run whose only stage is this one."""
    log = tmp_path / "0-benchmark.log"
    log.write_text(observed.process.stdout)
    state = RunState()
    state.apply_all(Collector(0, tmp_path / "records", LineReader(log), OutputReader(parse_result)).finish(0))
    return state


def read(text: str) -> list[Record]:
    return [json.loads(line) for line in text.splitlines()]


def without_numbers(text: str) -> str:
    """Output with every number replaced, so that two runs can be compared."""
    return re.sub(r"\d+(?:\.\d+)?(?:e-?\d+)?", "#", text)
