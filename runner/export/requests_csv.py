"""Every finished request of a benchmark with requests in flight as CSV, streamed from the log."""

from __future__ import annotations

import csv
from typing import BinaryIO

from runner import events as ev
from runner.events.journal import EventReader
from runner.export.run_data import RunData
from runner.export.table_csv import text_stream
from runner.run import layout

COLUMNS = (
    "configuration", "requests", "concurrency",
    "start_ms", "latency_ms", "ttft_ms", "per_token_ms", "input_tokens", "output_tokens",
)  # fmt: skip
"""`start_ms` counts from the first request of its configuration; empty: the benchmark does not state it"""
NONE = "this run has no requests: its engine measures batches of fixed size, or the run ended before"


def write(data: RunData, out: BinaryIO) -> list[str]:
    """Write the requests; return a note if there are none."""
    reader = EventReader(data.run_dir / layout.EVENTS)
    configuration, asked, n = -1, (0, 0), 0
    with text_stream(out) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        while events := reader.read():
            for event in events:
                if isinstance(event, ev.ConfigurationStarted):
                    configuration, asked = configuration + 1, (event.requests, event.concurrency)
                elif isinstance(event, ev.Requests):
                    columns = (event.start_ms, event.latency_ms, event.ttft_ms, event.per_token_ms)
                    counts = (event.input_tokens, event.output_tokens)
                    for row in zip(*columns, *counts, strict=True):
                        table.writerow((configuration, *asked, *row))
                        n += 1
    return [] if n else [NONE]
