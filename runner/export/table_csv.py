"""The final table as CSV, one line for each metric of each configuration.

`low` and `high` are the 95 % interval from the iterations of the run, empty where no bound is known; `change`
is the share by which a number differs from the baseline's, 0.02 is 2 % more.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from msgspec.structs import astuple

from runner.export.run_data import Subject
from runner.plan.plan import Configuration, configuration_of
from runner.report import result_table
from runner.report.model import Report, Row

COLUMNS = (
    "run", "profile", "engine", "status", "started", "host", "ranks",
    "configuration", *Configuration.__struct_fields__,
    "metric", "title", "unit", "better", "value", "low", "high", "n", "printed", "note",
    "baseline", "baseline_value", "change", "change_low", "change_high", "verdict",
)  # fmt: skip
Cell = str | int | float | None


def write(subject: Subject, out: BinaryIO) -> None:
    write_several([subject], out)


def write_several(subjects: Iterable[Subject], out: BinaryIO) -> None:
    """One run after the other below one header."""
    with text(out) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for subject in subjects:
            table.writerows(records(subject.report))


def records(report: Report) -> Iterator[tuple[Cell, ...]]:
    """The rows in the order of `COLUMNS`; a metric that a configuration does not speak of is left out."""
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(report.started)) if report.started else ""
    run = (report.run, report.profile, report.engine, report.status, started, report.host, report.ranks)
    lines = result_table.grid_of(report).lines
    for index, found in enumerate(report.configurations):
        shape = (index, *astuple(configuration_of(found)))
        for line in lines:
            row, metric = line.values[index], line.metric
            if row is not None:
                what = (metric.name, metric.title, metric.unit, metric.better)
                value = None if row.value is None else float(row.value)
                measured = (value, row.low, row.high, row.n, row.printed, row.note)
                yield (*run, *shape, *what, *measured, *_against_baseline(report, row))


def _against_baseline(report: Report, row: Row) -> tuple[Cell, ...]:
    beside = row.versus
    if report.baseline is None or beside is None:
        return ("", None, None, None, None, "")
    runs = " ".join(report.baseline.runs)
    return (runs, beside.value, beside.change, beside.low, beside.high, beside.verdict)


class text(io.TextIOWrapper):  # noqa: N801 - used as a statement
    """Text into a binary file that stays open afterwards."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__(out, encoding="utf-8", newline="", write_through=False)

    def __exit__(self, *_: object) -> None:
        self.flush()
        self.detach()
