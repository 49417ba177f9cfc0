"""A run in Prometheus' text format: a file for the textfile collector of a node exporter.

One gauge a metric, `trtbench_<metric>`, with a series for each configuration; and what the run itself does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, get_args

from runner.errors import UserError
from runner.export.destination import opened
from runner.export.run_data import Subject
from runner.plan.plan import Plan, configuration_of
from runner.report import result_table
from runner.report.build import build_report
from runner.report.model import Report
from runner.state.run import RunState, Status

EVERY_S = 5.0
"""How often what follows a run is made anew."""
_STATES: tuple[Status, ...] = get_args(Status)
Sample = tuple[dict[str, str], float]
"""labels and value"""


@dataclass(frozen=True)
class Gauge:
    """All series of one name."""

    name: str
    text: str
    samples: list[Sample]
    """each with the same labels"""


def write(subject: Subject, out: BinaryIO) -> None:
    out.write(as_text(subject.report).encode())


def as_text(found: Report) -> str:
    """The metrics of a report, in the order of its table."""
    return "".join(f"{line}\n" for gauge in gauges(found) for line in _lines(gauge))


def gauges(found: Report) -> Iterator[Gauge]:
    """The metrics of a report, in the order of its table, as far as a configuration has them."""
    run = {"run": found.run, "profile": found.profile, "engine": found.engine}
    states = [({**run, "state": state}, float(state == found.status)) for state in _STATES]
    yield Gauge("trtbench_run_state", "1 for the state that the run is in", states)
    seconds = "seconds since the run started, until it ended"
    yield Gauge("trtbench_run_seconds", seconds, [(run, found.seconds)])
    flags = float(len(result_table.flags_in_words(found)))
    yield Gauge("trtbench_flags", "reasons to distrust numbers of the run", [(run, flags)])
    for line in result_table.lines_of(found.configurations):
        samples = [
            ({**run, **result_table.configuration_labels(configuration_of(configuration))}, row.value)
            for configuration, row in zip(found.configurations, line.values, strict=True)
            if row is not None and row.value is not None
        ]
        if samples:
            text = f"{line.metric.with_unit}: {line.metric.formula}"
            yield Gauge(f"trtbench_{line.metric.name}", text, samples)


def _lines(gauge: Gauge) -> Iterator[str]:
    escaped = gauge.text.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {gauge.name} {escaped}"
    yield f"# TYPE {gauge.name} gauge"
    for labels, value in gauge.samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{gauge.name}{{{shown}}} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def to_file(path: Path) -> Callable[[Report], None]:
    """Writes reports into a file; a scrape sees the old one or the whole new one.

    Raises:
        UserError: there is no such directory; or, when it is called, the file cannot be written.
    """
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no directory {path.parent} to write metrics to")

    def publish(found: Report) -> None:
        with opened(path) as out:
            out.write(as_text(found).encode())

    return publish


@dataclass
class Follower:
    """Publishes how a run stands while it is under way."""

    publish: Callable[[Report], None]
    _due: float = 0.0

    def update(self, plan: Plan, state: RunState, *, now: bool = False) -> None:
        """Publish when it is time; `now`: in any case.

        Raises:
            UserError: it cannot be published.
        """
        if not now and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_S
        self.publish(build_report(plan, state))
