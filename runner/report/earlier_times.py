"""Times of earlier runs of the same profile, for the estimate of the remaining time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from runner.metrics.latency import LATENCY
from runner.plan.plan import Configuration, Plan, Stage, configuration_of, in_flight
from runner.report.eta import EarlierTimes
from runner.report.model import SummaryConfiguration
from runner.run import layout
from runner.stats import interpolated
from runner.util.errors import UserError

MAX_COMPARED_RUNS = 3
"""number of finished runs of the same profile that stage times are taken from, newest first"""
MAX_READ_RUNS = 20
"""number of earlier runs that are read to find them; limits the work for a profile that always fails"""


class _Stage(msgspec.Struct):
    name: str
    status: str
    seconds: float


class _Report(msgspec.Struct):
    """The fields of a report that `earlier_times` needs."""

    profile: str
    status: str
    stages: list[_Stage]
    configurations: list[SummaryConfiguration]


def earlier_times(run_dir: Path, plan: Plan) -> EarlierTimes:
    """Return the median times of the latest finished runs of the same profile.

    A stage counts only with the same command, and a benchmark only with the same configurations. Latencies
    count only for the same model on the same devices.
    """
    times: dict[str, list[float]] = {}
    latencies: dict[Configuration, list[float]] = {}
    compared = 0
    folders = [folder for folder in run_dir.parent.glob(f"*_{plan.profile}_*") if folder != run_dir]
    for folder in sorted(folders, reverse=True)[:MAX_READ_RUNS]:
        if compared == MAX_COMPARED_RUNS:
            break
        try:
            report = msgspec.json.decode((folder / layout.REPORT).read_bytes(), type=_Report)
            other = layout.load_plan(folder)
        except (OSError, UserError, *layout.UNREADABLE):
            continue
        if report.profile != plan.profile or report.status != "finished":
            continue
        compared += 1
        before = {stage.name: _command(stage, folder) for stage in other.stages}
        same = {stage.name for stage in plan.stages if before.get(stage.name) == _command(stage, run_dir)}
        if plan.configurations != other.configurations:
            same.discard("benchmark")
        for stage in report.stages:
            if stage.name in same and stage.status == "ok":
                times.setdefault(stage.name, []).append(stage.seconds)
        if (other.engine, other.summary) == (plan.engine, plan.summary):
            for shape, latency in _latencies(report):
                latencies.setdefault(shape, []).append(latency)
    return EarlierTimes(
        {name: interpolated(sorted(found), 50) for name, found in times.items()},
        {shape: interpolated(sorted(found), 50) for shape, found in latencies.items()},
    )


def _latencies(report: _Report) -> Iterator[tuple[Configuration, float]]:
    for configuration in report.configurations:
        for row in configuration.rows:
            if row.metric == LATENCY.name and row.value and not in_flight(configuration):
                yield configuration_of(configuration), row.value


def _command(stage: Stage, run_dir: Path) -> list[str]:
    """Return the command of a stage, independent of the path of the run directory."""
    return [word.replace(str(run_dir), "$RUN") for word in stage.argv]
