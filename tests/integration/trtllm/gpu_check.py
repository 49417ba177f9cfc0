"""The observer on real GPUs: what it reports, and what it costs.

    python -m tests.integration.trtllm.gpu_check [--pairs N] [--record FOLDER]

Runs the stand-ins with the real torch (CUDA kernels, CUDA events) under mpirun, with one rank and, where
there are two GPUs, with two that wait for each other at every step. Each pair is one run through the product
and one of the same command without the observer. Needs torch with CUDA, mpi4py and mpirun.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner.engines.benchmark_line import results_in
from runner.engines.trtllm.profile import TrtllmProfile
from runner.plan.plan import Stage
from runner.report.files import read_state
from runner.run import layout
from runner.state.configuration import ConfigurationState
from runner.state.run import RunState
from runner.supervision import launch
from tests import standins
from tests.integration.trtllm import support

RECORDED = ("events.jsonl", "plan.json", "profile.yaml")
TIMEOUT_S = 180.0


def main() -> int:
    """Exit code 0 when every observed run reports exactly what was printed."""
    parser = argparse.ArgumentParser(description="The observer on real GPUs: what it reports and costs.")
    parser.add_argument("--pairs", type=int, default=4, help="observed and plain runs (default 4)")
    parser.add_argument("--record", type=Path, help="copy the last observed run's log to this folder")
    arguments = parser.parse_args()
    count = len(subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=True).stdout.splitlines())
    same = True
    for ranks in (1, 2)[: min(count, 2)]:
        with tempfile.TemporaryDirectory() as folder:
            same = compare(Path(folder), ranks, arguments.pairs, arguments.record) and same
    print("everything observed equals what was printed" if same else "NOT EQUAL")
    return 0 if same else 1


def compare(folder: Path, ranks: int, pairs: int, record: Path | None) -> bool:
    """Alternate observed and plain runs; print each, and the ratio of their latencies."""
    wanted = profile(folder, ranks)
    observed, plain, same = [], [], True
    for number in range(pairs):
        run_dir, state = follow(wanted)
        for configuration in state.configurations:
            same = agrees(configuration) and same
        if state.status != "finished" or not state.configurations:
            print(state.failure, support.log_of(run_dir), sep="\n")
            return False
        observed.append(latency(state.configurations[-1].result))
        plain.append(latency(without_observer(layout.load_plan(run_dir).stages[-1])))
        print(f"{ranks} rank(s), pair {number}: observed {observed[-1]:.3f} ms, plain {plain[-1]:.3f} ms")
        if record is not None:
            keep(run_dir, record)
    ratio = statistics.median(observed) / statistics.median(plain)
    spread = (max(plain) - min(plain)) / statistics.median(plain)
    print(f"{ranks} rank(s): observed/plain {ratio:.4f}; plain runs differ by {spread:.4f} among themselves")
    return same


def profile(folder: Path, ranks: int) -> TrtllmProfile:
    engine = standins.make_engine(folder / "engine", ranks=ranks)
    return support.profile(
        folder,
        name=f"standin-{ranks}gpu",
        model={"dir": None},
        parallel={"tp": ranks},
        stages=["benchmark"],
        benchmark={"batch_size": [8], "input_output_len": [[128, 256]], "num_runs": 40, "warm_up": 5},
        launch={"env": support.environment(gpu=True) | {"TRTLLM_STANDIN_SYNC": "1"}},
        paths={"engine_dir": str(engine)},
    )


def follow(wanted: TrtllmProfile) -> tuple[Path, RunState]:
    run_dir = launch.start(wanted, gpu_hz=0)
    deadline = time.monotonic() + TIMEOUT_S
    while (state := read_state(run_dir)).running and time.monotonic() < deadline:
        time.sleep(0.2)
    return run_dir, state


def agrees(configuration: ConfigurationState) -> bool:
    """Whether the iterations' means are the printed ones, to the last digit."""
    printed = configuration.result or {}
    steps = configuration.steps.mean
    pairs = {
        "latency(ms)": f"{configuration.latency.mean:.3f}",
        "generation_time(ms)": f"{configuration.generation.mean:.3f}",
        "total_generated_tokens": str(steps * configuration.start.batch_size),
    }
    for key, ours in pairs.items():
        equal = float(ours) == float(printed.get(key, "nan"))
        print(f"  {key}: printed {printed.get(key)}, iterations {ours}{'' if equal else '  DIFFERS'}")
    expected = configuration.start.output_len - 1
    print(f"  decode steps {steps:g} of {expected}, n = {configuration.latency.n}")
    return steps == expected and all(float(v) == float(printed.get(k, "nan")) for k, v in pairs.items())


def without_observer(stage: Stage) -> dict[str, str]:
    """What the same command prints when upstream's script is started directly."""
    argv = [word for word in stage.argv if not word.endswith("/observer.py")]
    assert len(argv) == len(stage.argv) - 1
    done = subprocess.run(
        argv, cwd=stage.cwd, env=os.environ | stage.env, capture_output=True, text=True, check=True
    )
    (result,) = results_in(done.stdout)
    return result


def latency(result: dict[str, str] | None) -> float:
    return float((result or {})["latency(ms)"])


def keep(run_dir: Path, folder: Path) -> None:
    """The parts of a run directory that a replay needs."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*(run_dir / name for name in RECORDED), *run_dir.glob("*-benchmark.log")]:
        shutil.copyfile(path, folder / path.name)


if __name__ == "__main__":
    sys.exit(main())
