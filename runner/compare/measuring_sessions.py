"""Find which runs were measured in one session: one boot, and no long break or one sweep."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runner.compare.sides import ComparedRun
from runner.report.model import Report

LONGEST_BREAK_S = 1800.0
"""A longer break between two runs begins a new session: GPUs have cooled down, neighbours have changed."""


def find_sessions(runs: Iterable[ComparedRun]) -> dict[Path, int]:
    """Return the number of the session of each run, by directory; sessions are numbered by their begin."""
    found: dict[Path, int] = {}
    current: dict[str, int] = {}
    last: dict[str, Report] = {}
    ends: dict[str, float] = {}
    sweeps: dict[tuple[str, str, str], int] = {}
    count = 0
    for run in sorted(runs, key=lambda one: (one.report.started, one.name)):
        report = run.report
        host, end = report.host, report.started + report.seconds
        of_sweep = (host, report.boot_id, report.sweep.sweep) if report.sweep else None
        if of_sweep in sweeps:
            session = sweeps[of_sweep]
        elif (
            host in last and _same_boot(last[host], report) and report.started - ends[host] <= LONGEST_BREAK_S
        ):
            session = current[host]
        else:
            session, count = count, count + 1
        if of_sweep is not None:
            sweeps[of_sweep] = session
        found[run.run_dir], current[host], last[host] = session, session, report
        ends[host] = max(end, ends.get(host, end))
    return found


def _same_boot(one: Report, other: Report) -> bool:
    return not one.boot_id or not other.boot_id or one.boot_id == other.boot_id
