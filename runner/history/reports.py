"""Load the report of any run."""

from __future__ import annotations

from pathlib import Path

from runner.history.recovery import recover
from runner.report.build import build_report
from runner.report.files import read_report, read_state
from runner.report.model import Report
from runner.run import layout


def load_report(run_dir: Path) -> Report:
    """Load the report of a run, or rebuild it from the log.

    A run whose supervisor died is finalised first.

    Raises:
        UserError: the directory is not a run that this version can read.
    """
    written = read_report(run_dir)
    if written is not None:
        return written
    plan, state = layout.load_plan(run_dir), read_state(run_dir)
    if state.running and (closing := recover(run_dir)) is not None:
        state = read_state(run_dir)
        state.apply_all(closing if state.running else ())
    return build_report(plan, state, run_dir.name)
