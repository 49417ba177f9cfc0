"""Estimate the remaining time of a run, if it can be derived; never guess."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median

import msgspec

from runner.errors import UserError
from runner.plan.plan import Plan, Stage
from runner.run import layout
from runner.state.run import RunState

MAX_COMPARED_RUNS = 3
"""number of finished runs of the same profile that stage times are taken from, newest first"""
MAX_READ_RUNS = 20
"""number of earlier runs that are read to find them; limits the work for a profile that always fails"""


class TimeLeft(msgspec.Struct, frozen=True):
    """Remaining time of a run."""

    seconds: float
    at_least: bool
    """it may take longer: later configurations are counted with their minimum `duration`"""


def estimate_time_left(state: RunState, plan: Plan, now: int, usual: Mapping[str, float]) -> TimeLeft | None:
    """Return the time until the run is done; None if it is unknown.

    The current configuration takes its `remaining_s`, each later one at least its `duration`. A stage before
    the benchmark takes as long as in earlier runs.

    Args:
        state: state of the run.
        plan: plan of the run.
        now: CLOCK_MONOTONIC, ns.
        usual: seconds of each stage in earlier runs of the profile (`stage_times`).
    """
    stage, configuration = state.stage, state.configuration
    if not state.running or stage is None or stage.ended is not None:
        return None
    later = [planned for planned in plan.stages[stage.index + 1 :] if not planned.skip]
    if any(planned.name not in usual for planned in later):
        return None
    rest = sum(usual[planned.name] for planned in later)
    if configuration is not None and configuration.start.stage == stage.index:
        left = configuration.remaining_s(now)
        follow = max(0, len(plan.configurations) - len(state.configurations))
        duration = configuration.start.duration
        if left is None or (follow and not duration):
            return None
        return TimeLeft(rest + left + follow * duration, at_least=follow > 0)
    if stage.name not in usual:
        return None
    return TimeLeft(rest + max(0.0, usual[stage.name] - (now - stage.started) / 1e9), at_least=False)


class _Stage(msgspec.Struct):
    name: str
    status: str
    seconds: float


class _Report(msgspec.Struct):
    """The fields of a report that `stage_times` needs."""

    profile: str
    status: str
    stages: list[_Stage]


def stage_times(run_dir: Path, plan: Plan) -> dict[str, float]:
    """Return the median seconds of each stage in the latest finished runs of the same profile.

    Only stages with the same command are used, and a benchmark only with the same configurations.
    """
    times: dict[str, list[float]] = {}
    compared = 0
    earlier = [folder for folder in run_dir.parent.glob(f"*_{plan.profile}_*") if folder != run_dir]
    for folder in sorted(earlier, reverse=True)[:MAX_READ_RUNS]:
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
    return {name: median(found) for name, found in times.items()}


def _command(stage: Stage, run_dir: Path) -> list[str]:
    """Return the command of a stage, independent of the path of the run directory."""
    return [word.replace(str(run_dir), "$RUN") for word in stage.argv]
