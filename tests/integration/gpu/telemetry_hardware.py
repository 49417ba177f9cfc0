"""Our readings of a real GPU beside nvidia-smi's of the same seconds: `hardware.py FOLDER`.

Needs an NVIDIA GPU, nvidia-smi and PyTorch with CUDA, so no test runs it. Leaves in FOLDER what was recorded
at 2 Hz and at 10 Hz, nvidia-smi's lines, and `result.json`.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from runner import events as ev
from runner.telemetry.monitor import TelemetryMonitor

SECONDS = 22
ROUNDS = 6
TRIAL_S = 4.0
LOADS = ("mixed", "pulsed", "steady")
MIB = 1 << 20
SMI = ("memory.used", "power.draw.instant", "clocks.sm", "clocks.mem", "utilization.gpu", "temperature.gpu")
OURS = ("memory", "power", "sm_clock", "memory_clock", "busy", "temperature")
# nvidia-smi asks at other moments than we do, and the driver renews its own readings only now and then.
TOLERANCE = {"power": 0.05, "sm_clock": 15, "memory_clock": 0, "busy": 1, "temperature": 1}

LOAD = """
import sys, time, json, torch
big = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
small = torch.randn(16, 4096, device="cuda", dtype=torch.bfloat16)
layers = [torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16) / 64 for _ in range(128)]
def step():
    x = small
    for layer in layers:
        x = torch.nn.functional.gelu(x @ layer)
    torch.cuda.synchronize()
for _ in range(3):
    step()
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    kept_alive = small
    for layer in layers:
        kept_alive = torch.nn.functional.gelu(kept_alive @ layer)
def mixed(seconds):
    kept, began = [], time.monotonic()
    while (t := time.monotonic() - began) < seconds:
        if len(kept) < int(t // 4):
            kept.append(torch.empty(3 << 30, dtype=torch.uint8, device="cuda"))
        if t % 10 < 5:
            for _ in range(4):
                big @ big
            torch.cuda.synchronize()
        elif t % 10 < 8:
            step()
        else:
            time.sleep(0.05)
    return 0
def pulsed(seconds):
    began = time.monotonic()
    while (t := time.monotonic() - began) < seconds:
        if t % 0.7 < 0.35:
            big @ big
            torch.cuda.synchronize()
        else:
            time.sleep(0.01)
    return 0
def steady(seconds):
    took, began = [], time.monotonic()
    while time.monotonic() - began < seconds:
        start = time.perf_counter()
        for _ in range(32):
            graph.replay()
        torch.cuda.synchronize()
        took.append((time.perf_counter() - start) * 1000)
    return sum(took) / len(took)
steady(2)
print("ready", flush=True)
for line in sys.stdin:
    name, seconds = line.split()
    print(json.dumps({"mixed": mixed, "pulsed": pulsed, "steady": steady}[name](float(seconds))), flush=True)
    torch.cuda.empty_cache()
"""


class Load:
    """A process that keeps the GPU busy on request."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()

    def run(self, what: str, seconds: float) -> float:
        assert self._process.stdin is not None
        print(what, seconds, file=self._process.stdin, flush=True)
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return "0" if line == "ready\n" else line

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def telemetry(file: Path, hz: float) -> Iterator[list[ev.AnyEvent]]:
    """Our own readings, appended to the list when it is over."""
    events: list[ev.AnyEvent] = []
    watch = TelemetryMonitor(file, hz)
    watch.start()
    while not watch.sampled and not watch.over:
        events += watch.poll()
        time.sleep(0.02)
    yield events
    watch.finish()
    deadline = time.monotonic() + 5
    while not watch.over and time.monotonic() < deadline:
        events += watch.poll()
        time.sleep(0.02)


@contextmanager
def nvidia_smi(file: Path) -> Iterator[None]:
    query = f"--query-gpu=timestamp,{','.join(SMI)}"
    with open(file, "w", encoding="ascii") as output:
        process = subprocess.Popen(
            ["nvidia-smi", query, "--format=csv,noheader,nounits", "--loop-ms=250", "-i", "0"], stdout=output
        )
        yield
        process.terminate()
        process.wait()


def compare(folder: Path, hz: float, load: Load, what: str) -> dict[str, Any]:
    """One load, read by both at once."""
    name = f"{hz:g}hz" if what == "mixed" else f"{hz:g}hz-{what}"
    offset = time.time_ns() - time.monotonic_ns()
    with nvidia_smi(folder / f"{name}.csv"), telemetry(folder / f"{name}.jsonl", hz) as events:
        load.run(what, SECONDS)
    samples = [event for event in events if isinstance(event, ev.GpuSamples)]
    costs = [event for event in events if isinstance(event, ev.TelemetryCost)]
    theirs = [_smi_line(line, offset) for line in (folder / f"{name}.csv").read_text().splitlines()]
    theirs = [(t, values) for t, values in theirs if samples[0].t <= t <= samples[-1].t]
    result: dict[str, Any] = {"load": what, "hz": hz, "samples": len(samples), "nvidia_smi": len(theirs)}
    result["interval_ms"] = _spread([(b.t - a.t) / 1e6 for a, b in itertools.pairwise(samples)])
    for place, column in enumerate(OURS):
        result[column] = _agreement(samples, theirs, place, column, 1 / hz)
    result["energy"] = _energy(events, samples)
    result["throttled_us"] = _throttled(samples)
    result["costs"] = [msgspec.to_builtins(cost) for cost in costs]
    return result


def _smi_line(line: str, offset: int) -> tuple[int, list[float]]:
    stamp, *values = [word.strip() for word in line.split(",")]
    whole, _, thousandths = stamp.partition(".")
    wall = time.mktime(time.strptime(whole, "%Y/%m/%d %H:%M:%S")) + int(thousandths) / 1000
    return round(wall * 1e9) - offset, [float(value) for value in values]


def _agreement(
    samples: list[ev.GpuSamples],
    theirs: list[tuple[int, list[float]]],
    place: int,
    column: str,
    period: float,
) -> dict[str, Any]:
    """How many of nvidia-smi's values lie between our neighbouring samples, and the worst of the others."""
    times = [sample.t for sample in samples]
    values = [getattr(sample, column)[0] for sample in samples]
    agreed, worst = 0, 0.0
    for t, row in theirs:
        near = [v for at, v in zip(times, values, strict=True) if abs(at - t) <= (period + 0.3) * 1e9]
        low, high = min(near), max(near)
        if column == "memory":
            low, high, slack = math.floor(low / MIB), math.ceil(high / MIB), 0.0
        else:
            slack = TOLERANCE[column] * (high if column == "power" else 1)
        off = max(low - row[place], row[place] - high, 0.0)
        agreed += off <= slack
        worst = max(worst, off)
    exact = {round(v / MIB, 3) for v in values} if column == "memory" else set()
    seen = sorted({row[place] for _, row in theirs}) if column == "memory" else []
    return {
        "agree": f"{agreed}/{len(theirs)}",
        "worst": worst,
        "ours_mib": sorted(exact)[:12],
        "smi_mib": seen[:12],
    }


def _energy(events: list[ev.AnyEvent], samples: list[ev.GpuSamples]) -> dict[str, float]:
    """The counter, and what samples of either kind integrate to, as a share of it."""
    readings = [event for event in events if isinstance(event, ev.GpuEnergy)]
    first, last = readings[0], readings[-1]
    counter = (last.mj - first.mj) / 1000
    seconds = (last.t - first.t) / 1e9
    inside = [sample for sample in samples if first.t <= sample.t <= last.t]
    found = {"counter_j": counter, "seconds": seconds}
    for column in ("power", "power_average"):
        powers = [(sample.t, values[0] or 0.0) for sample in inside if (values := getattr(sample, column))]
        if len(powers) > 1:
            integrated = sum((p + q) / 2 * (u - t) / 1e9 for (t, p), (u, q) in itertools.pairwise(powers))
            integrated *= seconds / ((powers[-1][0] - powers[0][0]) / 1e9)
            found[f"{column}_ratio"] = integrated / counter
            found[f"{column}_mean_ratio"] = statistics.mean(p for _, p in powers) * seconds / counter
    return found


def _throttled(samples: list[ev.GpuSamples]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for sample in samples:
        for reason, column in sample.throttled_us.items():
            sums[reason] = sums.get(reason, 0) + column[0]
    return sums


def _spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def effect(folder: Path, load: Load) -> dict[str, Any]:
    """Mean latency of the same loop with telemetry off, at 2 Hz and at 10 Hz, in turn."""
    took: dict[str, list[float]] = {"off": [], "2": [], "10": []}
    for number in range(ROUNDS):
        order = list(took) if number % 2 == 0 else list(took)[::-1]
        for name in order:
            if name == "off":
                took[name].append(load.run("steady", TRIAL_S))
                continue
            with telemetry(folder / f"effect-{name}-{number}.jsonl", float(name)):
                took[name].append(load.run("steady", TRIAL_S))
    result: dict[str, Any] = {"latency_ms": took}
    for name in ("2", "10"):
        ratios = [on / off for on, off in zip(took[name], took["off"], strict=True)]
        error = statistics.stdev(ratios) / math.sqrt(len(ratios)) * 2.57  # t of 5 degrees of freedom, 95 %
        result[name] = {"ratio": statistics.mean(ratios), "95%": error}
    return result


def main(folder: Path) -> None:
    load = Load()
    result = {"compared": [compare(folder, hz, load, what) for what in LOADS for hz in (2.0, 10.0)]}
    scratch = folder / "scratch"
    scratch.mkdir()
    result["effect"] = [effect(scratch, load)]
    load.close()
    (folder / "result.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
