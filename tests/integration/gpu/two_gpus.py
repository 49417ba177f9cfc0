"""Runs on two real GPUs next to nvidia-smi: `python -m tests.integration.gpu.two_gpus FOLDER`.

Needs two NVIDIA GPUs, nvidia-smi, mpirun and PyTorch with CUDA, so no test runs it. Prints one line for each
check and leaves the runs and nvidia-smi's lines in FOLDER.
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner import events as ev
from runner.events.journal import EventReader
from runner.history.reports import load_report
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.report import result_table
from runner.report.files import read_state
from runner.run import layout
from runner.schema.base import Profile
from runner.supervision import launch
from tests.integration.trtllm import support
from tests.support.runs import wait_until_ended

GIB = 1 << 30
NEIGHBOUR = """
import time, torch
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
kept = torch.empty(2 << 30, dtype=torch.uint8, device="cuda")
print("ready", flush=True)
while True:
    a @ a
    torch.cuda.synchronize()
"""


def run(profile: Profile) -> Path:
    run_dir = launch.start(profile)
    wait_until_ended(run_dir)
    return run_dir


def uuids() -> list[str]:
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()


def observed(folder: Path, name: str, visible: str | None, expected: list[str]) -> None:
    """The stand-in for benchmark.py with two ranks: every iteration of both, and the GPU of each rank."""
    folder.mkdir(parents=True)
    environment = support.environment(gpu=True)
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    profile = support.profile(
        folder,
        parallel={"tp": 2},
        launch={"env": environment},
        benchmark={"num_runs": 20},
    )
    run_dir = run(profile)
    state = read_state(run_dir)
    timed = {rank: len(found) for rank, found in sorted(latencies(run_dir).items())}
    mapping = [event for event in events_of(run_dir) if isinstance(event, ev.GpuMapping)]
    found = mapping[-1].gpus[:2] if mapping else []
    right = found == expected
    print(f"{name}: {state.status}, timed iterations {timed}, GPUs as expected: {right}", flush=True)
    if found != expected or state.status != "finished":
        print(f"  found {found}, expected {expected}, cause {state.failure}", flush=True)


def events_of(run_dir: Path) -> Iterator[ev.AnyEvent]:
    reader = EventReader(run_dir / layout.EVENTS)
    while found := reader.read():
        yield from found


def latencies(run_dir: Path) -> dict[int, list[float]]:
    """Latencies in ms of the timed iterations of each rank."""
    found: dict[int, list[float]] = {}
    for event in events_of(run_dir):
        if isinstance(event, ev.Iteration) and event.phase == "timed":
            found.setdefault(event.rank, []).append(event.latency_ms)
    return found


@contextmanager
def nvidia_smi(file: Path) -> Iterator[None]:
    query = "--query-gpu=uuid,memory.used,power.draw.instant"
    with open(file, "w", encoding="ascii") as output:
        process = subprocess.Popen(
            ["nvidia-smi", query, "--format=csv,noheader,nounits", "--loop-ms=500"], stdout=output
        )
        yield
        process.terminate()
        process.wait()


def beside_nvidia_smi(folder: Path, *, neighbour: bool) -> None:
    """A run of the torch engine: memory and power of each GPU, energy of both, a foreign process on GPU 1."""
    small = ["parallel.tp=2", "benchmark.batch_size=[1]", "benchmark.duration=8", "benchmark.num_runs=10"]
    profile = with_changes(find("torch-1gpu").load(), small)
    other = None
    if neighbour:
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "1"}
        other = subprocess.Popen(
            [sys.executable, "-c", NEIGHBOUR], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert other.stdout is not None
        other.stdout.readline()
    try:
        with nvidia_smi(folder / f"smi-{neighbour}.csv"):
            run_dir = run(profile)
    finally:
        if other is not None:
            other.kill()
            other.wait()
    report, state = load_report(run_dir), read_state(run_dir)
    print(f"neighbour {neighbour}: {report.status}", flush=True)
    print("  warnings: " + " | ".join(result_table.list_flags(report)), flush=True)
    for row in report.configurations[0].rows:
        if row.value is not None and row.metric in _SHOWN:
            print(f"  {row.metric} {row.value:.6g} {row.unit} {row.note}", flush=True)
    first, second = (latencies(run_dir)[rank] for rank in range(2))
    skews = [abs(a - b) for a, b in zip(first, second, strict=True)]
    print(f"  skew of the ranks: mean {statistics.fmean(skews):.4f} ms, most {max(skews):.4f} ms", flush=True)
    with open(folder / f"smi-{neighbour}.csv", encoding="ascii") as lines:
        theirs = [row for row in csv.reader(lines, skipinitialspace=True) if len(row) == 3]
    samples = [event for event in events_of(run_dir) if isinstance(event, ev.GpuSamples)]
    inventory = state.telemetry.inventory
    assert inventory is not None
    for place, gpu in enumerate(inventory.gpus):
        own = [row for row in theirs if row[0] == gpu.uuid]
        memory = max(float(row[1]) for row in own) / 1024
        power = max(float(row[2]) for row in own)
        our_memory = max(event.memory[place] or 0 for event in samples if event.memory) / GIB
        our_power = max(event.power[place] or 0 for event in samples if event.power)
        print(
            f"  GPU {gpu.index}: most memory {our_memory:.3f} GiB, nvidia-smi {memory:.3f}; most power"
            f" {our_power:.0f} W, nvidia-smi {power:.0f}",
            flush=True,
        )


_SHOWN = ("latency_ms", "gpu_memory_sampled_gib", "gpu_power_mean_w", "gpu_energy_j", "joules_per_token")


def main(folder: Path) -> None:
    os.environ["TRTBENCH_HOME"] = str(folder / "home")
    first, second = uuids()[:2]
    observed(folder / "all", "both visible", None, [first, second])
    observed(folder / "order", "CUDA_VISIBLE_DEVICES=1,0", "1,0", [second, first])
    observed(folder / "uuid", "CUDA_VISIBLE_DEVICES by UUID", f"{second},{first}", [second, first])
    for neighbour in (False, True):
        began = time.monotonic()
        beside_nvidia_smi(folder, neighbour=neighbour)
        print(f"  took {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
