"""Finished runs in the history with iterations that a test chooses."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner import events as ev
from runner.compare import Comparison, compare, load_sides
from runner.events import GpuIdentity
from runner.plan.plan import Configuration, ModelWeights, Plan, Stage, SweepMembership
from runner.run import layout
from runner.util import paths
from tests.support.reports import write_report_of
from tests.support.simulated import latencies

PROFILE = """\
name: p
engine: torch
model: {shape: {hidden_size: 64}, dtype: float16}
benchmark: {batch_size: [1], num_runs: 40}
"""
OUTPUT_LEN = 16
Measured = Mapping[int, Sequence[float]]
"""latencies in ms by batch size"""


def some(level: float = 100.0, *, seed: int = 1, n: int = 40) -> list[float]:
    """Ordinary latencies around a level, milliseconds."""
    return latencies(n, random.Random(seed), mean=level)


def run(
    measured: Measured,
    *,
    name: str = "a000",
    profile: str = PROFILE,
    host: str = "bench01",
    gpu: str | None = "NVIDIA H200",
    ranks: int = 1,
    status: ev.RunStatus = "finished",
    sweep: SweepMembership | None = None,
    second: int = 0,
    day: int = 1,
    boot: str = "b",
    fingerprint: str = "",
) -> Path:
    """A run of `profile` with one configuration for each batch size; `name` is the end of its id."""
    run_dir = paths.runs_dir() / f"202601{day:02}T0000{second:02}Z_p_{name}"
    stage = Stage(name="benchmark", argv=["true"], cwd="/", reports=True)
    plan = Plan(
        engine="torch",
        profile="p",
        summary="a decoder",
        stages=[stage],
        configurations=[Configuration(batch, 64, OUTPUT_LEN) for batch in measured],
        sweep=sweep,
        weights=ModelWeights(folder="/m", fingerprint=fingerprint) if fingerprint else None,
    )
    with layout.create_run_dir(run_dir, plan, profile):
        pass
    log = list(_events(run_dir.name, measured, host, gpu, ranks, status, second + 86400 * (day - 1), boot))
    (run_dir / layout.EVENTS).write_bytes(b"".join(ev.encode(event) for event in log))
    write_report_of(run_dir, plan)
    return run_dir


def _events(
    name: str,
    measured: Measured,
    host: str,
    gpu: str | None,
    ranks: int,
    status: ev.RunStatus,
    second: int,
    boot: str,
) -> list[ev.Event]:
    t = 0
    log: list[ev.Event] = [
        ev.RunStarted(
            t=t, run=name, schema=1, wall=1_767_225_600.0 + second, host=host, boot_id=boot, pid=1, cores=8,
            version="0.1.0",
        )
    ]  # fmt: skip
    if gpu is not None:
        names = [f"GPU-{number + 1}" for number in range(ranks)]
        identities = [
            GpuIdentity(uuid=uuid, index=index, name=gpu, power_limit_w=700.0)
            for index, uuid in enumerate(names)
        ]
        log.append(ev.GpuInventory(t=t, driver="580.1", gpus=identities))
        log.append(ev.GpuMapping(t=t, order="PCI_BUS_ID", visible=None, gpus=names))
    log.append(ev.StageStarted(t=t, stage=0, name="benchmark", pid=2, ranks=ranks))
    for rank in range(ranks):
        device = "cpu" if gpu is None else f"cuda:{rank}"
        hello = ev.Hello(
            t=t, stage=0, rank=rank, world=ranks, pid=2, host=host, device=device, label=gpu or ""
        )
        log.append(hello)
    for index, (batch, values) in enumerate(measured.items()):
        log.append(
            ev.ConfigurationStarted(
                t=t, stage=0, index=index, batch_size=batch, input_len=64, output_len=OUTPUT_LEN,
                num_runs=len(values), duration=0, warm_up=0,
            )
        )  # fmt: skip
        for i, value in enumerate(values):
            t += round(value * 1e6)
            log.append(
                ev.Iteration(
                    t=t, stage=0, rank=0, config=index, i=i, phase="timed", latency_ms=value,
                    generation_ms=value * 0.9, steps=OUTPUT_LEN - 1,
                )
            )  # fmt: skip
        shape = {"batch_size": str(batch), "input_length": "64", "output_length": str(OUTPUT_LEN)}
        log.append(ev.Result(t=t, stage=0, values=shape))
    log.append(ev.StageEnded(t=t, stage=0, name="benchmark", status="ok", exit_code=0))
    log.append(ev.RunEnded(t=t, status=status, wall=0.0))
    return log


def compared(*names: str) -> Comparison:
    return compare(load_sides(names))


def repeats(level: float, letters: str, *, profile: str = PROFILE, seed: int = 0) -> str:
    """Five runs whose levels differ by 0.3 %; their names with commas between."""
    spread = (0.997, 0.9985, 1.0, 1.0015, 1.003)
    for index, factor in enumerate(spread):
        values = some(level * factor, seed=seed + index)
        run({1: values}, name=f"{letters}0{index}0", profile=profile, second=index)
    return ",".join(f"{letters}0{index}0" for index in range(len(spread)))
