"""The log and the report of a run on disk: reading them, and writing `report.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner.events.journal import EventReader
from runner.report.model import Report, Summary
from runner.run import layout
from runner.state.run import RunState
from runner.util.files import read, write_atomically


def read_head(run_dir: Path) -> RunState:
    """The state after the first part of a log: enough to tell when a run started, cheap for a long one."""
    state = RunState()
    state.apply_all(EventReader(run_dir / layout.EVENTS, limit=4096).read())
    return state


def read_state(run_dir: Path) -> RunState:
    """The state of a run from its whole log."""
    state = RunState()
    reader = EventReader(run_dir / layout.EVENTS)
    while events := reader.read():
        state.apply_all(events)
    return state


def write_report(run_dir: Path, report: Report) -> None:
    write_atomically(run_dir / layout.REPORT, msgspec.json.format(msgspec.json.encode(report)))


_report_decoder = msgspec.json.Decoder(Report)
_summary_decoder = msgspec.json.Decoder(Summary)


def read_report(run_dir: Path) -> Report | None:
    """The report as it was written when the run ended; None when there is no (readable) one."""
    try:
        return _report_decoder.decode(read(run_dir / layout.REPORT))
    except (OSError, *layout.UNREADABLE):
        return None


def read_summary(run_dir: Path) -> Summary | None:
    """What the list of runs needs of an ended run; None when it has no (readable) report yet."""
    try:
        return _summary_decoder.decode(read(f"{run_dir}/{layout.REPORT}"))
    except (OSError, *layout.UNREADABLE):
        return None


def summary_of(report: Report) -> Summary:
    """The part of a report that the list of runs shows, of a report that is not on disk."""
    return _summary_decoder.decode(msgspec.json.encode(report))
