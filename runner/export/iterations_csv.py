"""Every iteration of a run as CSV, streamed from the log, so that memory does not grow with the run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from runner import events as ev
from runner.events.journal import EventReader
from runner.export.run_data import RunData
from runner.export.table_csv import text_stream
from runner.run import layout

COLUMNS = (
    "configuration", "batch_size", "input_len", "output_len", "gpu_weights_percent",
    "rank", "phase", "i", "t_s", "latency_ms", "generation_ms", "steps",
)  # fmt: skip
"""`t_s`: seconds from the start of the run to the end of the iteration; `i` counts within its phase"""
IterationRow = tuple[int | float | str | None, ...]


def write(data: RunData, out: BinaryIO) -> list[str]:
    """Write the iterations; return a note if there are none."""
    n = 0
    with text_stream(out) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for batch in batches(data):
            table.writerows(batch)
            n += len(batch)
    return [] if n else [NONE]


NONE = "this run has no iterations: its engine does not time single iterations, or the run ended before"


def batches(data: RunData) -> Iterator[list[IterationRow]]:
    """Yield rows with the columns `COLUMNS` in the order of the log, a few thousand at a time."""
    reader = EventReader(data.run_dir / layout.EVENTS)
    begin = 0
    shapes: dict[int, tuple[int, int, int, float]] = {}
    unknown = (None,) * 4
    while events := reader.read():
        batch: list[IterationRow] = []
        for event in events:
            if isinstance(event, ev.Iteration):
                shape = shapes.get(event.config, unknown)
                seconds = round((event.t - begin) / 1e9, 6)
                batch.append(
                    (event.config, *shape, event.rank, event.phase, event.i, seconds,
                     event.latency_ms, event.generation_ms, event.steps)
                )  # fmt: skip
            elif isinstance(event, ev.ConfigurationStarted):
                asked = (event.batch_size, event.input_len, event.output_len, event.gpu_weights_percent)
                shapes[event.index] = asked
            elif isinstance(event, ev.RunStarted):
                begin = event.t
        yield batch
