"""A run in the text format of Prometheus: a file for the textfile collector of a node exporter.

There is one gauge per metric, `trtbench_<metric>`, with a series per configuration, and gauges of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, get_args

from runner.export.destination import open_output
from runner.export.run_data import RunData
from runner.plan.plan import Configuration, Plan, configuration_of
from runner.report import result_table
from runner.report.build import build_report
from runner.report.model import Report
from runner.state.run import LiveStatus, RunState
from runner.util.errors import UserError
from runner.util.foreign_text import prometheus_label, prometheus_name

UPDATE_S = 5.0
"""Time between updates of the metrics of a run under way."""
_STATES: tuple[LiveStatus, ...] = get_args(LiveStatus)
GaugeSample = tuple[dict[str, str], float]
"""labels and value"""


@dataclass(frozen=True)
class Gauge:
    """All series of one metric name."""

    name: str
    text: str
    samples: list[GaugeSample]
    """all with the same labels"""


def write(data: RunData, out: BinaryIO) -> None:
    out.write(as_text(data.report).encode())


def as_text(found: Report) -> str:
    """Return the metrics of a report in the text format, in the order of its table."""
    return "".join(f"{line}\n" for gauge in gauges(found) for line in _lines(gauge))


def gauges(found: Report) -> Iterator[Gauge]:
    """Yield the metrics of a report that have a number, in the order of its table."""
    about = {"run": found.run, "profile": found.profile, "engine": found.engine}
    run = {label: prometheus_label(text) for label, text in about.items()}
    states = [({**run, "state": state}, float(state == found.status)) for state in _STATES]
    yield Gauge("trtbench_run_state", "1 for the current state of the run", states)
    seconds = "seconds since the run started, until it ended"
    yield Gauge("trtbench_run_seconds", seconds, [(run, found.seconds)])
    flags = float(len(result_table.list_flags(found)))
    yield Gauge("trtbench_flags", "number of warnings about the run", [(run, flags)])
    for row in result_table.build_rows(found.configurations):
        samples = [
            ({**run, **series_labels(configuration_of(configuration))}, cell.value)
            for configuration, cell in zip(found.configurations, row.cells, strict=True)
            if cell is not None and cell.value is not None
        ]
        if samples:
            text = f"{row.metric.with_unit}: {row.metric.formula}"
            yield Gauge(f"trtbench_{prometheus_name(row.metric.name)}", prometheus_label(text), samples)


def series_labels(configuration: Configuration) -> dict[str, str]:
    """Return the fields, and the name that tells batches from requests in flight: a legend of any program."""
    name = result_table.configuration_name(configuration)
    return {"configuration": name, **result_table.configuration_labels(configuration)}


def _lines(gauge: Gauge) -> Iterator[str]:
    escaped = gauge.text.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {gauge.name} {escaped}"
    yield f"# TYPE {gauge.name} gauge"
    for labels, value in gauge.samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{gauge.name}{{{shown}}} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def file_publisher(path: Path) -> Callable[[Report], None]:
    """Return a function that writes a report to a file; a scrape sees the old or the new file, never a part.

    Raises:
        UserError: the directory does not exist; or, from the function, the file cannot be written.
    """
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no directory {path.parent} to write metrics to")

    def publish(found: Report) -> None:
        with open_output(path) as out:
            out.write(as_text(found).encode())

    return publish


@dataclass
class MetricsPublisher:
    """Publishes the metrics of a run while it is under way."""

    publish: Callable[[Report], None]
    _due: float = 0.0

    def update(self, plan: Plan, state: RunState, *, now: bool = False) -> None:
        """Publish if `UPDATE_S` have passed; with `now`, always.

        Raises:
            UserError: the metrics cannot be written.
        """
        if not now and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + UPDATE_S
        self.publish(build_report(plan, state))
