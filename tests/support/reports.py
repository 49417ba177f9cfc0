"""Reports of recorded runs, computed once for equal runs: many tests record the same ones."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner.metrics import registry
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.files import read_state, write_report
from runner.report.model import Report
from runner.run import layout

_known: dict[tuple[bytes, bytes, int], Report] = {}
"""by plan, log and number of metrics: a test can register one"""


def write_report_of(run_dir: Path, plan: Plan) -> None:
    """Write the report of a run whose log is written."""
    key = (msgspec.json.encode(plan), (run_dir / layout.EVENTS).read_bytes(), len(registry.ALL))
    if key not in _known:
        _known[key] = build_report(plan, read_state(run_dir))
    write_report(run_dir, _known[key])
