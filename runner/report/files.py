"""Read the log and the report of a run, and write `report.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner.events.journal import EventReader
from runner.report.model import Report, Summary
from runner.run import layout
from runner.state.run import RunState
from runner.util.files import read_file, write_atomically


def read_head(run_dir: Path) -> RunState:
    """Return the state after the first part of a log; enough for the start time, cheap for a long log."""
    state = RunState()
    state.apply_all(EventReader(run_dir / layout.EVENTS, limit=4096).read())
    return state


def read_state(run_dir: Path) -> RunState:
    """Return the state of a run from its whole log."""
    state = RunState()
    reader = EventReader(run_dir / layout.EVENTS)
    while events := reader.read():
        state.apply_all(events)
    return state


def write_report(run_dir: Path, report: Report) -> None:
    """Write `report.json`; an old file is replaced in one step."""
    write_atomically(run_dir / layout.REPORT, msgspec.json.format(msgspec.json.encode(report)))


_report_decoder = msgspec.json.Decoder(Report)
_summary_decoder = msgspec.json.Decoder(Summary)


def read_report(run_dir: Path) -> Report | None:
    """Return the report that was written when the run ended; None if there is none or it cannot be read."""
    return read_report_file(run_dir / layout.REPORT)


def read_report_file(path: Path) -> Report | None:
    """Return the report in a file; None if there is none or it cannot be read."""
    try:
        return _report_decoder.decode(read_file(path))
    except (OSError, *layout.UNREADABLE):
        return None


def read_summary(run_dir: Path) -> Summary | None:
    """Return the summary of an ended run; None if it has no report or the report cannot be read."""
    try:
        return _summary_decoder.decode(read_file(f"{run_dir}/{layout.REPORT}"))
    except (OSError, *layout.UNREADABLE):
        return None


def summary_of(report: Report) -> Summary:
    """Return the summary of a report that is not on disk."""
    return _summary_decoder.decode(msgspec.json.encode(report))
