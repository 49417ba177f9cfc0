"""A run in Prometheus' text format: a file for the textfile collector of a node exporter.

One gauge a metric, `trtbench_<metric>`, with a series for each configuration; and what the run itself does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, get_args

from runner import grid, report
from runner.errors import UserError
from runner.export.output import opened
from runner.export.subject import Subject
from runner.plan import Plan
from runner.report import Report
from runner.state import RunState, Status

EVERY_S = 5.0
"""How often a file that follows a run is written anew."""
_STATES: tuple[Status, ...] = get_args(Status)


def write(subject: Subject, out: BinaryIO) -> None:
    out.write(as_text(subject.report).encode())


def as_text(found: Report) -> str:
    """The metrics of a report, in the order of its table."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: Report) -> Iterator[str]:
    run = {"run": found.run, "profile": found.profile, "engine": found.engine}
    yield from _head("trtbench_run_state", "1 for the state that the run is in")
    yield from (
        _sample("trtbench_run_state", {**run, "state": state}, float(state == found.status))
        for state in _STATES
    )
    yield from _head("trtbench_run_seconds", "seconds since the run started, until it ended")
    yield _sample("trtbench_run_seconds", run, found.seconds)
    yield from _head("trtbench_flags", "reasons to distrust numbers of the run")
    yield _sample("trtbench_flags", run, float(len(grid.flags_in_words(found))))
    for line in grid.lines_of(found.configurations):
        name = f"trtbench_{line.metric.name}"
        samples = [
            _sample(name, {**run, **grid.shape_of(configuration).labels()}, row.value)
            for configuration, row in zip(found.configurations, line.values, strict=True)
            if row is not None and row.value is not None
        ]
        if samples:
            yield from _head(name, f"{line.metric.with_unit}: {line.metric.formula}")
            yield from samples


def _head(name: str, text: str) -> Iterator[str]:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {name} {escaped}"
    yield f"# TYPE {name} gauge"


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@dataclass
class Follower:
    """Keeps a file up to date with a run under way; a scrape sees the old one or the whole new one."""

    path: Path
    _due: float = 0.0

    def __post_init__(self) -> None:
        if not self.path.parent.is_dir():
            raise UserError(f"{self.path}: there is no directory {self.path.parent} to write metrics to")

    def update(self, plan: Plan, state: RunState, *, now: bool = False) -> None:
        """Write the file when it is time; `now`: in any case.

        Raises:
            UserError: it cannot be written.
        """
        if not now and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_S
        with opened(self.path) as out:
            out.write(as_text(report.build(plan, state)).encode())
