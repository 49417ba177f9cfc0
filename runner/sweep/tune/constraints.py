"""Objectives and constraints of a tuning, and their numbers on a scale in which more is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from runner.compare.assertion_grammar import ComparisonSign, NumberLiteral, Quantity, parse_assertion
from runner.metrics import Metric
from runner.metrics.lookup import find_metric
from runner.sweep.tune_terms import TuneTerms
from runner.util.errors import UserError

Numbers = Mapping[str, float]
"""numbers of a run by the name of the metric"""
_MIRRORED: dict[ComparisonSign, ComparisonSign] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Constraint:
    """A bound of a metric, `latency_p95_ms < 2000`."""

    metric: Metric
    sign: ComparisonSign
    bound: float
    text: str

    def margin(self, numbers: Numbers) -> float | None:
        """Return log(bound / value), above 0 if it is met; None: the run has no such number."""
        value = numbers.get(self.metric.name)
        if value is None or value <= 0:
            return None
        margin = math.log(self.bound / value)
        return margin if self.sign in ("<", "<=") else -margin


@dataclass(frozen=True)
class Goal:
    """What a tuning wants: the first objective chooses the winner."""

    objectives: tuple[Metric, ...]
    constraints: tuple[Constraint, ...]

    def values(self, numbers: Numbers) -> tuple[float, ...] | None:
        """Return the logarithm of each objective, more is better; None: the run has no such number."""
        found = [_score(metric, numbers) for metric in self.objectives]
        known = [one for one in found if one is not None]
        return tuple(known) if len(known) == len(found) else None

    def margins(self, numbers: Numbers) -> tuple[float, ...] | None:
        """Return the margin of each constraint; None: the run lacks one of the numbers."""
        found = [one.margin(numbers) for one in self.constraints]
        known = [one for one in found if one is not None]
        return tuple(known) if len(known) == len(found) else None

    def missing(self, numbers: Numbers) -> list[str]:
        """Return the metrics that a run has no number above 0 for."""
        wanted = [*self.objectives, *(one.metric for one in self.constraints)]
        return [metric.name for metric in wanted if not numbers.get(metric.name, 0.0) > 0]


def goal_of(terms: TuneTerms) -> Goal:
    """Return the goal of frozen terms.

    Raises:
        UserError: this version does not know one of the metrics.
    """
    return Goal(
        tuple(find_objective(name) for name in terms.objectives),
        tuple(parse_constraint(text) for text in terms.constraints),
    )


def find_objective(name: str) -> Metric:
    """Return the metric of an objective.

    Raises:
        UserError: there is none, or neither direction of it is better.
    """
    metric = find_metric(name)
    if metric.better == "neither" or not metric.judged:
        raise UserError(
            f"--objective {name}: neither direction of it is better, so it cannot be an objective",
            hint="tokens_per_sec and latency_ms can; `trtbench-tui metrics` lists all",
        )
    return metric


def parse_constraint(text: str) -> Constraint:
    """Parse `METRIC < NUMBER` or `NUMBER > METRIC`, with any of < <= > >=.

    Raises:
        UserError: it is something else.
    """
    found = parse_assertion(text)
    left, right, sign = found.left, found.right, found.comparison
    if isinstance(left, NumberLiteral):
        left, right, sign = right, left, _MIRRORED[sign]
    allowed = "allowed: METRIC < NUMBER with one of < <= > >=, like latency_ms.p95 < 2000"
    if not isinstance(left, Quantity) or left.baseline or not isinstance(right, NumberLiteral):
        raise UserError(f"--subject-to {text!r}: not a bound of a metric; {allowed}")
    if right.value <= 0:
        raise UserError(f"--subject-to {text!r}: the bound must be above 0; {allowed}")
    return Constraint(left.metric, sign, right.value, text.strip())


def _score(metric: Metric, numbers: Numbers) -> float | None:
    value = numbers.get(metric.name)
    if value is None or value <= 0:
        return None
    return math.log(value) if metric.better == "higher" else -math.log(value)
