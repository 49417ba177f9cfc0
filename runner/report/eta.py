"""How long a run will still take, where that can be derived; no guess where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median

import msgspec

from runner.errors import UserError
from runner.plan.plan import Plan, Stage
from runner.run import layout
from runner.state.run import RunState

LOOKED_AT = 3
"""finished runs of the same profile that stage times are taken from, the latest first"""
MOST_READ = 20
"""earlier runs that are read to find them; the others of a profile that always fails are not"""


class Eta(msgspec.Struct, frozen=True):
    seconds: float
    at_least: bool
    """it may take longer: iterations of configurations to come are counted as no longer than `duration`"""


def eta(state: RunState, plan: Plan, now: int, usual: Mapping[str, float]) -> Eta | None:
    """Time until the run is done; None when that cannot be told.

    The present configuration takes its `remaining_s`, each one to come at least its `duration`;
    a stage before the benchmark takes as long as in earlier runs.

    Args:
        now: CLOCK_MONOTONIC, ns.
        usual: seconds that stages took in earlier runs of the profile (`stage_times`).
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
        return Eta(rest + left + follow * duration, at_least=follow > 0)
    if stage.name not in usual:
        return None
    return Eta(rest + max(0.0, usual[stage.name] - (now - stage.started) / 1e9), at_least=False)


class _Stage(msgspec.Struct):
    name: str
    status: str
    seconds: float


class _Report(msgspec.Struct):
    """The part of a report that is needed here."""

    profile: str
    status: str
    stages: list[_Stage]


def stage_times(run_dir: Path, plan: Plan) -> dict[str, float]:
    """Median seconds of each stage in the latest finished runs of the same profile that did the same.

    A stage that was started with other commands, or a benchmark of other configurations, is not the same.
    """
    times: dict[str, list[float]] = {}
    looked = 0
    earlier = [folder for folder in run_dir.parent.glob(f"*_{plan.profile}_*") if folder != run_dir]
    for folder in sorted(earlier, reverse=True)[:MOST_READ]:
        if looked == LOOKED_AT:
            break
        try:
            report = msgspec.json.decode((folder / layout.REPORT).read_bytes(), type=_Report)
            other = layout.load_plan(folder)
        except (OSError, UserError, *layout.UNREADABLE):
            continue
        if report.profile != plan.profile or report.status != "finished":
            continue
        looked += 1
        before = {stage.name: _command(stage, folder) for stage in other.stages}
        same = {stage.name for stage in plan.stages if before.get(stage.name) == _command(stage, run_dir)}
        if plan.configurations != other.configurations:
            same.discard("benchmark")
        for stage in report.stages:
            if stage.name in same and stage.status == "ok":
                times.setdefault(stage.name, []).append(stage.seconds)
    return {name: median(found) for name, found in times.items()}


def _command(stage: Stage, run_dir: Path) -> list[str]:
    """What a stage does, wherever its run directory is."""
    return [word.replace(str(run_dir), "$RUN") for word in stage.argv]
