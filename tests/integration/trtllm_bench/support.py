"""Running the product on the stand-ins for any version of trtllm-bench."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from runner.engines.trtllm_bench.profile import BenchProfile
from runner.profile.yaml_file import decode
from runner.state.run import RunState
from runner.supervision import launch
from tests import standins
from tests.integration.trtllm.support import Settings, log_of, merged
from tests.support.runs import wait_until_ended

PROGRAM = standins.ROOT / "bench" / "bin" / "trtllm-bench"
MODEL = "meta-llama/Llama-3.1-8B"


def environment(folder: Path, version: str) -> dict[str, str]:
    """Variables with which an interpreter finds a package of this version, and the tool on PATH."""
    metadata = folder / f"site-{version}" / f"tensorrt_llm-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True, exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: tensorrt_llm\nVersion: {version}\n")
    return {
        "PYTHONPATH": str(metadata.parent.parent),
        "PATH": os.pathsep.join(
            [str(PROGRAM.parent), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        ),
    }


def settings(folder: Path, version: str, **changes: Any) -> Settings:
    """A profile of a small benchmark, as its YAML would say it; `changes` are merged into it."""
    model = folder / "model"
    if not model.exists():
        standins.make_model(model)
    base: Settings = {
        "name": "small-bench",
        "engine": "trtllm-bench",
        "model": {"name": MODEL, "dir": str(model)},
        "dataset": {"input_len": 16, "output_len": 8, "num_requests": 40},
        "launch": {"python": sys.executable, "env": environment(folder, version)},
        "paths": {"work": str(folder / "work")},
    }
    return merged(base, changes)


def profile(folder: Path, version: str, **changes: Any) -> BenchProfile:
    decoded = decode(settings(folder, version, **changes), "small-bench.yaml")
    assert isinstance(decoded, BenchProfile)
    return decoded


def faulty(folder: Path, version: str, fault: str, **changes: Any) -> BenchProfile:
    """A profile whose tool meets a fault (tests/standins/README.md lists them)."""
    return profile(
        folder, version, **merged({"launch": {"env": {"TRTLLM_STANDIN_BENCH_FAULT": fault}}}, changes)
    )


def run(wanted: BenchProfile) -> tuple[Path, RunState]:
    run_dir = launch.start(wanted, gpu_hz=0)
    return run_dir, wait_until_ended(run_dir)


def succeed(wanted: BenchProfile) -> tuple[Path, RunState]:
    run_dir, state = run(wanted)
    assert state.status == "finished", (state.failure, log_of(run_dir)[-3000:])
    return run_dir, state
