"""Estimate the remaining time of a run, and say when a part of it is a guess."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from runner.events import ConfigurationStarted
from runner.plan.plan import Configuration, Plan, configuration_of
from runner.state.configuration import ConfigurationShape, iterations_needed
from runner.state.run import RunState


class TimeLeft(msgspec.Struct, frozen=True):
    """Remaining time of a run."""

    seconds: float
    guessed: bool
    """a part of it comes from earlier runs, from other configurations, or from the warm-up"""


class EarlierTimes(msgspec.Struct, frozen=True):
    """Times of earlier runs of the same profile."""

    stages: Mapping[str, float] = {}
    """seconds of each stage"""
    latencies: Mapping[Configuration, float] = {}
    """mean latency of each configuration, milliseconds"""


def estimate_time_left(
    state: RunState, plan: Plan, now: int, earlier: EarlierTimes | None = None
) -> TimeLeft | None:
    """Return the time until the run is done; None if it is unknown.

    The current configuration continues at its pace. A later one takes its latency of earlier runs, else one
    guessed from the configurations of this run. Other stages take as long as in earlier runs.

    Args:
        state: state of the run.
        plan: plan of the run.
        now: CLOCK_MONOTONIC, ns.
        earlier: times of earlier runs of the profile.
    """
    earlier = earlier or EarlierTimes()
    stage, configuration = state.stage, state.configuration
    if not state.running or state.stopping is not None or stage is None or stage.ended is not None:
        return None
    later = [planned for planned in plan.stages[stage.index + 1 :] if not planned.skip]
    if any(planned.name not in earlier.stages for planned in later):
        return None
    rest = sum(earlier.stages[planned.name] for planned in later)
    if configuration is None or configuration.start.stage != stage.index:
        if stage.name not in earlier.stages:
            return None
        left = max(0.0, earlier.stages[stage.name] - (now - stage.started) / 1e9)
        return TimeLeft(rest + left, guessed=True)
    follow = plan.configurations[len(state.configurations) :]
    guesses = [_guess_s(planned, configuration.start, state, earlier) for planned in follow]
    left_here = configuration.remaining_s(now)
    if left_here is None:
        whole = _guess_s(configuration_of(configuration.start), configuration.start, state, earlier)
        left_here = None if whole is None else max(0.0, whole - configuration.iteration_s(now))
    known = [seconds for seconds in (left_here, *guesses) if seconds is not None]
    if len(known) <= len(guesses):
        return None
    timed = configuration.latency.n > 0 or configuration.serving is not None
    return TimeLeft(rest + sum(known), guessed=bool(later or follow) or not timed)


def _guess_s(
    planned: Configuration, start: ConfigurationStarted, state: RunState, earlier: EarlierTimes
) -> float | None:
    """Guess the seconds of a configuration, warm-up included; None: nothing to compare with.

    Args:
        planned: the configuration.
        start: warm-up, iterations and duration, which all configurations of a run share.
        state: state of the run.
        earlier: times of earlier runs of the profile.
    """
    latency = earlier.latencies.get(planned) or _guess_ms(planned, state)
    if latency is None:
        return None
    pace = latency / 1000
    return pace * (start.warm_up + iterations_needed(start.num_runs, start.duration, pace))


def _guess_ms(planned: Configuration, state: RunState) -> float | None:
    """Guess a latency from the measured configuration of the most similar work, batch size x tokens.

    The latency grows as a power of the work: as the measured configurations do, or in proportion to it if
    there is only one.
    """
    known = [
        (_work(found.start), found.pace_ms)
        for found in state.configurations
        if found.serving is None and found.pace_ms
    ]
    work = _work(planned)
    if not known or not work or not all(of for of, _ in known):
        return None
    nearest, latency = min(known, key=lambda one: abs(math.log(one[0] / work)))
    return float(latency * (work / nearest) ** _growth(known))


def _work(shape: ConfigurationShape) -> int:
    return shape.batch_size * (shape.input_len + shape.output_len)


def _growth(known: Sequence[tuple[int, float]]) -> float:
    """Return the slope of log latency over log work, 0 to 1.5; 1 if it is unknown."""
    points = [(math.log(work), math.log(latency)) for work, latency in known]
    middle, level = (sum(column) / len(points) for column in zip(*points, strict=True))
    spread = sum((x - middle) ** 2 for x, _ in points)
    if spread < 1e-9:
        return 1.0
    slope = sum((x - middle) * (y - level) for x, y in points) / spread
    return float(min(1.5, max(0.0, slope)))
