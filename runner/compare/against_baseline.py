"""A report compared with the baseline of its profile: "vs baseline" in the final table."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from runner.compare.comparison import MetricChange, compare
from runner.compare.sides import ComparedRun, Side
from runner.history import baseline
from runner.metrics import ALL
from runner.plan.plan import Configuration, configuration_of
from runner.report.model import ConfigurationReport, Report, Versus, VersusRuns
from runner.util.errors import UserError

_COMPARED = tuple(metric for metric in ALL if metric.better != "neither")


def with_baseline(report: Report, run_dir: Path) -> Report:
    """Return the report with the change of each number against the baseline of its profile.

    The report is returned unchanged if there is no baseline, or if the run is part of it. If the comparison
    is not fair, only the reasons are added. Reads the logs of the run and of its baseline.
    """
    found = baseline.find_baseline(report.profile)
    if found is None or run_dir.name in found.runs or not report.configurations:
        return report
    try:
        before = Side("baseline", tuple(ComparedRun(one) for one in found.run_dirs()))
        this = Side("this run", (ComparedRun(run_dir),))
        (pair,) = compare([before, this], metrics=_COMPARED).pairs
    except UserError as error:
        return replace(report, baseline=VersusRuns(runs=found.runs, why_not=(str(error.args[0]),)))
    versus = VersusRuns(runs=found.runs, method=pair.method, why_not=pair.unfair_because)
    if not pair.fair:
        return replace(report, baseline=versus)
    changes = {one.shape: {change.metric: change for change in one.changes} for one in pair.configurations}
    configurations = [_with_changes(one, changes) for one in report.configurations]
    return replace(report, baseline=versus, configurations=configurations)


def _with_changes(
    configuration: ConfigurationReport, changes: dict[Configuration, dict[str, MetricChange]]
) -> ConfigurationReport:
    known = changes.get(configuration_of(configuration), {})
    return replace(
        configuration,
        rows=[
            replace(row, versus=_versus(known[row.metric])) if row.metric in known else row
            for row in configuration.rows
        ],
    )


def _versus(change: MetricChange) -> Versus:
    return Versus(
        value=change.first,
        change=change.change,
        low=change.low,
        high=change.high,
        verdict=change.verdict or "",
        why=change.why,
    )
