"""A report next to what its numbers are held against: published numbers, and the baseline of its profile."""

from __future__ import annotations

from pathlib import Path

from runner.compare.against_baseline import with_baseline
from runner.compare.published.match import with_published
from runner.report.model import Report


def in_context(report: Report, run_dir: Path) -> Report:
    """Return the report with published numbers of the same work and the changes against the baseline.

    The report itself is returned if there is neither. Reads the logs of the run and of its baseline.
    """
    return with_baseline(with_published(report, run_dir), run_dir)
