"""A report beside the baseline of its profile: "vs baseline" in the final table."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from runner.compare.comparison import Change, compare
from runner.compare.sides import Run, Side
from runner.errors import UserError
from runner.history import baseline
from runner.metrics import ALL
from runner.plan.plan import Configuration, configuration_of
from runner.report.model import ConfigurationReport, Report, Versus, VersusRuns

_COMPARED = tuple(metric for metric in ALL if metric.better != "neither")


def with_baseline(report: Report, run_dir: Path) -> Report:
    """The report with the change of each number against the baseline, where there is one to be held against.

    Without a baseline, or of a run that is part of it, the report comes back as it is. Of a comparison that
    is not fair only the reasons are said. Reads the logs of the run and of its baseline.
    """
    found = baseline.of(report.profile)
    if found is None or run_dir.name in found.runs or not report.configurations:
        return report
    try:
        before = Side("baseline", tuple(Run(one) for one in found.run_dirs()))
        this = Side("this run", (Run(run_dir),))
        (pair,) = compare([before, this], metrics=_COMPARED).pairs
    except UserError as error:
        return replace(report, baseline=VersusRuns(runs=found.runs, why_not=(str(error.args[0]),)))
    said = VersusRuns(runs=found.runs, method=pair.method, why_not=pair.unfair_because)
    if not pair.fair:
        return replace(report, baseline=said)
    changes = {one.shape: {change.metric: change for change in one.changes} for one in pair.configurations}
    configurations = [_with_changes(one, changes) for one in report.configurations]
    return replace(report, baseline=said, configurations=configurations)


def _with_changes(
    configuration: ConfigurationReport, changes: dict[Configuration, dict[str, Change]]
) -> ConfigurationReport:
    known = changes.get(configuration_of(configuration), {})
    return replace(
        configuration,
        rows=[
            replace(row, versus=_versus(known[row.metric])) if row.metric in known else row
            for row in configuration.rows
        ],
    )


def _versus(change: Change) -> Versus:
    return Versus(
        value=change.first,
        change=change.change,
        low=change.low,
        high=change.high,
        verdict=change.verdict or "",
        why=change.why,
    )
