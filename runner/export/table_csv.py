"""The final table as CSV, one line per metric and configuration.

`low` and `high` are the 95 % interval from the iterations of the run, empty without a bound. `change` is the
relative change from the baseline: 0.02 is 2 % more.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from msgspec.structs import astuple

from runner.export.run_data import RunData
from runner.plan.plan import Configuration, configuration_of
from runner.report import result_table
from runner.report.model import MetricCell, Report
from runner.util.foreign_text import spreadsheet_cell

COLUMNS = (
    "run", "profile", "engine", "status", "started", "host", "ranks",
    "configuration", *Configuration.__struct_fields__,
    "metric", "title", "unit", "better", "value", "low", "high", "n", "printed", "note",
    "baseline", "baseline_value", "change", "change_low", "change_high", "verdict",
    "nodes",
)  # fmt: skip
CsvValue = str | int | float | None


def write(data: RunData, out: BinaryIO) -> None:
    write_several([data], out)


def write_several(runs: Iterable[RunData], out: BinaryIO) -> None:
    """Write several runs below one header."""
    with text_stream(out) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for data in runs:
            table.writerows(map(_clean_row, records(data.report)))


def _clean_row(row: Iterable[CsvValue]) -> list[CsvValue]:
    return [spreadsheet_cell(value) if isinstance(value, str) else value for value in row]


def records(report: Report) -> Iterator[tuple[CsvValue, ...]]:
    """Yield rows with the columns `COLUMNS`; metrics that a configuration does not have are left out."""
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(report.started)) if report.started else ""
    run = (report.run, report.profile, report.engine, report.status, started, report.host, report.ranks)
    rows = result_table.build_table(report).rows
    for index, found in enumerate(report.configurations):
        shape = (index, *astuple(configuration_of(found)))
        for row in rows:
            cell, metric = row.cells[index], row.metric
            if cell is not None:
                what = (metric.name, metric.title, metric.unit, metric.better)
                value = None if cell.value is None else float(cell.value)
                measured = (value, cell.low, cell.high, cell.n, cell.printed, cell.note)
                nodes = " ".join(report.nodes)
                yield (*run, *shape, *what, *measured, *_baseline_columns(report, cell), nodes)


def _baseline_columns(report: Report, cell: MetricCell) -> tuple[CsvValue, ...]:
    versus = cell.versus
    if report.baseline is None or versus is None:
        return ("", None, None, None, None, "")
    runs = " ".join(report.baseline.runs)
    return (runs, versus.value, versus.change, versus.low, versus.high, versus.verdict)


class text_stream(io.TextIOWrapper):  # noqa: N801 - used as a statement
    """A text stream on a binary file, which stays open afterwards."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__(out, encoding="utf-8", newline="", write_through=False)

    def __exit__(self, *_: object) -> None:
        self.flush()
        self.detach()
