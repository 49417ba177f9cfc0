"""Sweeps for tests: a tiny profile, frozen sweeps of it, and a log without any process."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner import events as ev
from runner.plan.plan import Configuration, SweepMembership
from runner.profile.yaml_file import load_text
from runner.run import liveness
from runner.schema.base import Profile
from runner.sweep import directory
from runner.sweep.directory import (
    AnyLogEntry,
    LogWriter,
    MeasuredConfiguration,
    Outcome,
    SweepRunEnded,
    SweepRunStarted,
)
from runner.sweep.spec import Slot, SweepAxis, SweepCell, SweepSpec
from runner.util import paths, processes
from tests.support.reports import write_report_of
from tests.support.runs import record, single

TINY = """\
name: tiny
engine: torch
model:
  shape: {hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4,
          num_key_value_heads: 2, vocab_size: 256}
parallel: {tp: 1}
benchmark: {batch_size: [1, 2], input_output_len: [[8, 8]], num_runs: 5, duration: 0, warm_up: 1}
"""
SMALL, LARGE = Configuration(1, 8, 8), Configuration(2, 8, 8)


def tiny(further: str = "") -> Profile:
    return load_text(TINY + further, "tiny")


def cells(count: int, configurations: tuple[Configuration, ...] = (SMALL, LARGE)) -> list[SweepCell]:
    return [
        SweepCell(
            number=number,
            values=(("build.max_batch_size", str(2**number)),),
            profile=TINY,
            configurations=list(configurations),
        )
        for number in range(count)
    ]


def sweep_of(count: int = 2, *, repeat: int = 1, order: str = "interleaved", **further: object) -> SweepSpec:
    """A sweep over so many values of max_batch_size, with two configurations in every cell."""
    made = cells(count)
    axis = SweepAxis("build.max_batch_size", [cell.values[0][1] for cell in made])
    return SweepSpec(
        name="tiny", engine="torch", created=1e9, axes=[axis], cells=made, repeat=repeat,
        order=order, **further,  # type: ignore[arg-type]
    )  # fmt: skip


def started(slot: Slot, run: str, *configurations: Configuration) -> SweepRunStarted:
    return SweepRunStarted(
        wall=1e9, cell=slot.cell, repeat=slot.repeat, run=run, configurations=list(configurations)
    )


def settled(slot: Slot, run: str, **outcomes: Outcome) -> SweepRunEnded:
    """A run that ended; the outcome of `small` and of `large`."""
    known = {"small": SMALL, "large": LARGE}
    measured = [
        MeasuredConfiguration(
            configuration=known[name], outcome=outcome, why="" if outcome == "done" else f"why {outcome}"
        )
        for name, outcome in outcomes.items()
    ]
    return SweepRunEnded(
        wall=1e9, cell=slot.cell, repeat=slot.repeat, run=run, seconds=10.0, measured=measured
    )


def written(sweep: SweepSpec, *entries: AnyLogEntry) -> Path:
    """The directory of a sweep with a log, and nobody who conducts it."""
    made = directory.create_sweep(sweep)
    log = LogWriter(made)
    for entry in entries:
        log.write(entry)
    return made


def recorded(
    run: str,
    latencies: dict[Configuration, list[float]],
    *,
    status: ev.RunStatus | None = "finished",
    wall: float = 1e9,
    place: SweepMembership | None = None,
) -> Path:
    """A run with these latencies in milliseconds; without a status it is still under way.

    Its last configuration has no result then: it is the one that is being measured.
    """
    plan = msgspec.structs.replace(single("ok"), profile="tiny", configurations=list(latencies), sweep=place)
    t = 1_000_000_000
    log: list[ev.Event] = [
        ev.RunStarted(t=t, run=run, schema=1, wall=wall, host=liveness.host_name(),
                      boot_id=processes.boot_id(), pid=1, cores=2, version="0"),
        ev.NoGpu(t=t, reason="a test"),
        ev.StageStarted(t=t, stage=0, name="benchmark", ranks=1, pid=1),
    ]  # fmt: skip
    for index, (one, values) in enumerate(latencies.items()):
        start = ev.ConfigurationStarted(
            t=t, stage=0, index=index, batch_size=one.batch_size, input_len=one.input_len,
            output_len=one.output_len, num_runs=len(values), duration=0.0, warm_up=0,
            gpu_weights_percent=one.gpu_weights_percent,
        )  # fmt: skip
        log.append(start)
        for i, latency in enumerate(values):
            t += round(latency * 1e6)
            log.append(
                ev.Iteration(t=t, stage=0, rank=0, config=index, i=i, phase="timed", latency_ms=latency)
            )
        if status is not None or index + 1 < len(latencies):
            shape = {
                "batch_size": str(one.batch_size), "input_length": str(one.input_len),
                "output_length": str(one.output_len), "gpu_weights_percent": str(one.gpu_weights_percent),
            }  # fmt: skip
            log.append(ev.Result(t=t, stage=0, values=shape))
    if status is not None:
        log += [
            ev.StageEnded(t=t, stage=0, name="benchmark", status="ok", exit_code=0),
            ev.RunEnded(t=t, status=status, wall=wall + 10),
        ]
    run_dir = record(paths.runs_dir() / run, plan, log)
    if status is not None:
        write_report_of(run_dir, plan)
    return run_dir
