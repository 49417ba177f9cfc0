"""Running the product on the stand-ins for TensorRT-LLM: profiles of a small model, and results."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from runner.engines.mpi import find_mpirun
from runner.engines.trtllm.profile import TrtllmProfile
from runner.events.journal import EventReader
from runner.history.reports import load_report
from runner.metrics import BY_NAME
from runner.profile.yaml_file import decode
from runner.report.files import read_state
from runner.report.model import ConfigurationReport, MetricCell, Report
from runner.run import layout
from runner.state.run import RunState
from runner.supervision import launch
from tests import standins
from tests.support.runs import wait_for, wait_until_ended

Settings = dict[str, Any]


def settings(folder: Path, **changes: Any) -> Settings:
    """A profile of a small model, as its YAML would say it; `changes` are merged into it section by section.

    Everything it needs is made in `folder`: the model, and room for checkpoints and engines.
    """
    model = folder / "model"
    if not model.exists():
        standins.make_model(model)
    base: Settings = {
        "name": "small",
        "engine": "trtllm",
        "model": {"family": "qwen", "dir": str(model)},
        "build": {"max_batch_size": 8, "max_input_len": 32, "max_seq_len": 64},
        "smoke": {"max_output_len": 8},
        "benchmark": {
            "batch_size": [2],
            "input_output_len": [[8, 6]],
            "num_runs": 5,
            "duration": 0,
            "warm_up": 2,
        },
        "launch": {"python": sys.executable, "env": environment()},
        "paths": {"tensorrt_llm": str(standins.CHECKOUT), "work": str(folder / "work")},
    }
    return merged(base, changes)


def environment(*, gpu: bool = False) -> dict[str, str]:
    """What the measured processes need; `gpu`: with the real torch."""
    interpreter = str(Path(sys.executable).parent)
    own = standins.environment(gpu=gpu)
    return own | {"PATH": os.pathsep.join([own["PATH"], interpreter])}


def merged(base: Settings, changes: Settings) -> Settings:
    """`base` with `changes`, where sections are merged and everything else is replaced."""
    result = dict(base)
    for name, value in changes.items():
        before = result.get(name)
        result[name] = (
            merged(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
        )
    return result


def profile(folder: Path, **changes: Any) -> TrtllmProfile:
    return profile_of(settings(folder, **changes))


def profile_of(data: Settings) -> TrtllmProfile:
    decoded = decode(data, "small.yaml")
    assert isinstance(decoded, TrtllmProfile)
    return decoded


def with_faults(folder: Path, faults: str, **changes: Any) -> TrtllmProfile:
    """A profile whose stages meet faults: `benchmark=oom@4` (tests/standins/README.md lists them)."""
    return profile(folder, **merged({"launch": {"env": {"TRTLLM_STANDIN_FAULTS": faults}}}, changes))


def engine(folder: Path, **limits: Any) -> str:
    """A finished engine for `paths.engine_dir`, so that a test starts with the benchmark."""
    return str(standins.make_engine(folder / "engine", **limits))


def only_benchmark(folder: Path, **changes: Any) -> TrtllmProfile:
    """A profile that measures an engine that is there already."""
    given: Settings = {"stages": ["benchmark"], "paths": {"engine_dir": engine(folder)}}
    return profile(folder, **merged(given, changes))


def mpirun_path() -> str:
    return find_mpirun(None, sys.executable).path


def start(wanted: TrtllmProfile) -> Path:
    return launch.start(wanted, gpu_hz=0)


def run(wanted: TrtllmProfile) -> tuple[Path, RunState]:
    """Run a profile to its end; return the run directory and the state from its log."""
    run_dir = start(wanted)
    return run_dir, wait_until_ended(run_dir)


def succeed(wanted: TrtllmProfile) -> tuple[Path, RunState]:
    """Like `run`, for a profile that has to finish; what failed is in the message of the test."""
    run_dir, state = run(wanted)
    assert state.status == "finished", (state.failure, log_of(run_dir))
    return run_dir, state


def log_of(run_dir: Path) -> str:
    """The raw output of the last stage that ran."""
    logs = sorted(path for path in run_dir.glob("[0-9]-*.log"))
    return logs[-1].read_text(errors="replace") if logs else ""


def stages(state: RunState) -> dict[str, str]:
    return {stage.name: stage.status for stage in state.stages}


def notices(state: RunState) -> list[str]:
    return [notice.text for notice in state.notices]


def events(run_dir: Path) -> list[Any]:
    """Every event of a run's log."""
    found: list[Any] = []
    reader = EventReader(run_dir / layout.EVENTS)
    while batch := reader.read():
        found += batch
    return found


def assert_table_is_what_was_printed(configuration: ConfigurationReport) -> None:
    """Check that every printed number equals the computed one, rounded alike, and that no flag disagrees."""
    compared = [row for row in configuration.rows if row.printed and row.metric != "gpu_peak_mem_gb"]
    assert {"latency_ms", "percentile95_ms", "percentile99_ms"} <= {row.metric for row in compared}
    for row in compared:
        if row.printed == "n/a":
            assert row.value is None
            continue
        assert row.value is not None, row
        decimals = len(row.printed.partition(".")[2])
        # Rates are derived from times that upstream rounds first; everything else is equal to the last digit.
        exact = BY_NAME[row.metric].unit != "tokens/s"
        assert not exact or float(f"{row.value:.{decimals}f}") == float(row.printed), row
    assert not [flag for flag in configuration.flags if "reported by the engine" in flag]


def row(configuration: ConfigurationReport, metric: str) -> MetricCell:
    return next(row for row in configuration.rows if row.metric == metric)


def final(run_dir: Path) -> Report:
    return load_report(run_dir)


def wait_for_stage(run_dir: Path, name: str) -> None:
    """Wait until a stage is under way."""

    def running() -> bool:
        stage = read_state(run_dir).stage
        return stage is not None and stage.name == name and stage.status == "running"

    wait_for(running, f"stage {name}")
