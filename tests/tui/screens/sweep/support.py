"""Sweeps in every state, for tests of the sweep screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from textual.app import App
from textual.pilot import Pilot

from runner.plan.plan import Configuration
from runner.sweep.directory import (
    MeasuredConfiguration,
    SweepBegun,
    SweepEnded,
    SweepRunEnded,
    SweepRunStarted,
    SweepStopping,
)
from runner.sweep.spec import Slot, SweepAxis, SweepCell, SweepSpec
from tests.support.sweeps import TINY, recorded, written
from tui.screens.sweep.screen import BoardScreen

BATCHES, TPS, LENGTHS = (1, 8, 32, 64), ("1", "2", "4"), ((128, 128), (1024, 128))
BEGUN = SweepBegun(wall=1e9)


def planned() -> list[Configuration]:
    return [Configuration(batch, *lengths) for lengths in LENGTHS for batch in BATCHES]


def the_sweep(**changes: Any) -> SweepSpec:
    cells = [
        SweepCell(
            number=number, values=(("parallel.tp", tp), ("model.dtype", dtype)), profile=TINY,
            configurations=planned(),
        )
        for number, (tp, dtype) in enumerate((tp, dtype) for tp in TPS for dtype in ("float16", "fp8"))
    ]  # fmt: skip
    cells[-1] = msgspec.structs.replace(
        cells[-1], configurations=[], refused="build.quantization: fp8 does not work with tp 4 here"
    )
    axes = [SweepAxis("parallel.tp", list(TPS)), SweepAxis("model.dtype", ["float16", "fp8"])]
    return msgspec.structs.replace(
        SweepSpec(name="llama-8b", engine="trtllm", created=1e9, axes=axes, cells=cells, repeat=2), **changes
    )


def latency(cell: SweepCell, one: Configuration, repeat: int) -> float:
    """Return plausible milliseconds: larger batches and lengths take longer, more ranks and fp8 less."""
    tp, dtype = dict(cell.values)["parallel.tp"], dict(cell.values)["model.dtype"]
    base = 900 + one.input_len * 0.4 + one.batch_size * (14 if one.input_len < 1000 else 30)
    faster = {"1": 1.0, "2": 1.74, "4": 3.03}[tp] * (1.25 if dtype == "fp8" else 1.0)
    return base / faster * (1 + 0.02 * repeat)


def run_of(slot: Slot) -> str:
    return f"20260101T0000{slot.repeat}{slot.cell}Z_llama-8b_00{slot.repeat}{slot.cell}"


def measured(sweep: SweepSpec, slot: Slot, *, short_of: int = 999) -> list[SweepRunStarted | SweepRunEnded]:
    """Record a run in which configurations from this batch size on ran out of memory."""
    cell = sweep.cells[slot.cell]
    done = [one for one in cell.configurations if one.batch_size < short_of]
    out = [one for one in cell.configurations if one.batch_size == short_of and one.input_len < 1000]
    recorded(run_of(slot), {one: [latency(cell, one, slot.repeat)] * 20 for one in done})
    why = "a GPU ran out of memory (torch.OutOfMemoryError: CUDA out of memory.)"
    return [
        SweepRunStarted(
            wall=1e9 + 1, cell=slot.cell, repeat=slot.repeat, run=run_of(slot),
            configurations=cell.configurations,
        ),
        SweepRunEnded(
            wall=1e9 + 60, cell=slot.cell, repeat=slot.repeat, run=run_of(slot), seconds=60.0,
            measured=[
                *(MeasuredConfiguration(configuration=one, outcome="done") for one in done),
                *(MeasuredConfiguration(configuration=one, outcome="memory", why=why) for one in out),
            ],
        ),
    ]  # fmt: skip


def half_way() -> Path:
    """A running sweep: cells measured, out of memory, failed, running and queued."""
    sweep = the_sweep()
    cell = sweep.cells[3]
    failed = SweepRunEnded(
        wall=1e9 + 70, cell=2, repeat=0, run=run_of(Slot(2, 0)), seconds=10.0,
        measured=[
            MeasuredConfiguration(configuration=one, outcome="failed", why="NCCL failed between the GPUs")
            for one in cell.configurations
        ],
    )  # fmt: skip
    path = written(
        sweep,
        BEGUN,
        *measured(sweep, Slot(0, 0), short_of=64),
        *measured(sweep, Slot(1, 0)),
        SweepRunStarted(
            wall=1e9 + 65, cell=2, repeat=0, run=run_of(Slot(2, 0)), configurations=cell.configurations
        ),
        failed,
        SweepRunStarted(
            wall=1e9 + 75, cell=3, repeat=0, run=run_of(Slot(3, 0)), configurations=cell.configurations
        ),
    )
    recorded(run_of(Slot(2, 0)), {}, status="failed")
    values = {one: [latency(cell, one, 0)] * 20 for one in planned()[:2]}
    recorded(run_of(Slot(3, 0)), values, status=None)
    return path


def complete() -> Path:
    sweep = the_sweep()
    entries = [entry for slot in sweep.slots() for entry in measured(sweep, slot)]
    return written(sweep, BEGUN, *entries, SweepEnded(wall=1e9 + 600, status="finished"))


def one_axis() -> Path:
    """An A/B sweep of two profiles."""
    configurations = [Configuration(8, 128, 128)]
    cells = [
        SweepCell(number=n, values=(("profile", name),), profile=TINY, configurations=configurations)
        for n, name in enumerate(("llama-8b", "llama-8b-fp8"))
    ]
    axes = [SweepAxis("profile", ["llama-8b", "llama-8b-fp8"])]
    sweep = SweepSpec(
        name="llama-8b-vs-llama-8b-fp8", kind="ab", engine="trtllm", created=1e9, axes=axes, cells=cells,
        repeat=3,
    )  # fmt: skip
    entries: list[SweepRunStarted | SweepRunEnded] = []
    for slot in sweep.slots():
        values = [1000.0 - 80 * slot.cell + 7 * slot.repeat] * 20
        recorded(run_of(slot), {configurations[0]: values})
        entries += [
            SweepRunStarted(
                wall=1e9, cell=slot.cell, repeat=slot.repeat, run=run_of(slot), configurations=configurations
            ),
            SweepRunEnded(
                wall=1e9 + 60, cell=slot.cell, repeat=slot.repeat, run=run_of(slot), seconds=60.0,
                measured=[MeasuredConfiguration(configuration=configurations[0], outcome="done")],
            ),
        ]  # fmt: skip
    return written(sweep, BEGUN, *entries, SweepEnded(wall=1e9 + 400, status="finished"))


def nothing_yet() -> Path:
    return written(the_sweep(), BEGUN)


def long_names() -> Path:
    """A sweep with names and values of the maximum length."""
    return named("a-profile-with-a-very-long-name-that-nobody-would-type-twice-v2.5", "a-value-of-many-words")


def chinese() -> Path:
    return named("通义千问-32b", "半精度浮点")


def named(name: str, value: str) -> Path:
    """A sweep with this name, and this text in the values of an axis."""
    values = [f"{value}-{number}" for number in range(2)]
    sweep = the_sweep()
    cells = [
        msgspec.structs.replace(
            sweep.cells[number], values=(("launch.env.MODE", text), ("parallel.tp", "1")), refused=""
        )
        for number, text in enumerate(values)
    ]
    axes = [SweepAxis("launch.env.MODE", values), SweepAxis("parallel.tp", ["1"])]
    return written(msgspec.structs.replace(sweep, name=name, cells=cells, axes=axes, repeat=1), BEGUN)


def stopped() -> Path:
    return written(
        the_sweep(),
        BEGUN,
        SweepStopping(wall=1e9 + 5, by="the dashboard"),
        SweepEnded(wall=1e9 + 6, status="stopped", why="the dashboard"),
    )


def board(app: App[Any]) -> BoardScreen:
    assert isinstance(app.screen, BoardScreen)
    return app.screen


async def drawn(pilot: Pilot[Any]) -> None:
    """Wait until the sweep was read, or reading failed, and the board is drawn."""
    screen = board(pilot.app)
    while screen.view is None and not screen._broken:
        await pilot.pause(0.005)
    await pilot.pause()
