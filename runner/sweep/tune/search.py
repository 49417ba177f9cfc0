"""Choose the next run of a tuning, and the point that it recommends. A pure function of what is known."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from runner.sweep.tune.judgement import Levels, fit_levels
from runner.sweep.tune.observations import Known, Observation
from runner.sweep.tune.surrogate import Prediction, Sample, distances, kernel, predict

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

Purpose = Literal["baseline", "start", "explore", "anchor", "repeat"]
WORTH = 0.0005
"""Smallest expected improvement that is worth a run: 0.05 %."""
_CAUTION = 1.5
"""Factor of the deviations of predictions: the lengths that they rest on are estimates, too."""
_MOST_UNDECIDED = 5
"""Most runs of a point to find out whether it meets a constraint."""
_RESERVE, _MOST_RESERVE = 0.2, 8
"""Share of the runs that is kept for repeats of the leaders, and the most."""
_WORTH_A_REPEAT = 0.02
"""Smallest expected improvement that is worth more than a repeat: repeats tell apart what differs by less."""
_START = 1 / 3
"""Largest share of the runs for starting points: with few runs, most must follow from what was measured."""
_LEADERS = 3
"""Most points that are repeated in turn."""
_AUGMENTED = 0.05
_FAILURE_LENGTH, _FAILURE_PRIOR = 0.35, 0.1


@dataclass(frozen=True, slots=True)
class NextRun:
    """A point to measure, and what for."""

    point: int
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Finished:
    """The search is over."""

    why: Literal["trials", "decided", "exhausted", "baseline"]


class Search:
    """The decisions of one moment.

    Args:
        coordinates: of all points, one row each.
        baseline: index of the point of the profile without changes.
        trials: most runs of the search.
        known: what was measured.
        seed: of the starting points.
    """

    def __init__(self, coordinates: Array, baseline: int, trials: int, known: Known, seed: int = 0) -> None:
        self._coordinates = coordinates
        self.baseline = baseline
        self._trials = trials
        self.known = known
        self._seed = seed

    # --- what is known -----------------------------------------------------------------------------------

    @cached_property
    def complete(self) -> tuple[Observation, ...]:
        """The runs that were not ended early."""
        return tuple(one for one in self.known.observations if not one.partial)

    @cached_property
    def objective_levels(self) -> tuple[Levels, ...]:
        """Levels of each objective."""
        count = len(self.complete[0].values) if self.complete else 0
        return tuple(
            fit_levels([Sample(one.point, one.block, one.values[number]) for one in self.complete])
            for number in range(count)
        )

    @property
    def levels(self) -> Levels:
        """Levels of the first objective."""
        return self.objective_levels[0]

    @cached_property
    def limits(self) -> tuple[Levels, ...]:
        """Levels of the margin of each constraint."""
        return tuple(fit_levels(samples) for samples in self._margins(self.complete))

    def is_feasible(self, point: int) -> bool:
        """Whether a measured point meets every constraint with confidence."""
        return all(limit.bound(point) > 0 for limit in self.limits)

    @cached_property
    def feasible(self) -> tuple[int, ...]:
        """The measured points that meet every constraint with confidence, the best first."""
        if not self.complete:
            return ()
        found = [point for point in self.levels.points if self.is_feasible(point)]
        return tuple(sorted(found, key=lambda point: -float(self.prediction.mean[point])))

    @property
    def best(self) -> int | None:
        """The best point that meets every constraint with confidence, to recommend; None: there is none."""
        return self.feasible[0] if self.feasible else None

    def leaders(self) -> list[int]:
        """Return the best point and those that cannot be told apart from it, at most `_LEADERS`."""
        found = []
        for point in self.feasible:
            if point == self.best or self.levels.difference(self.best or 0, point)[1].low <= 0:
                found.append(point)
        return found[:_LEADERS]

    def front(self) -> list[int]:
        """Return the feasible points that no other one beats: better in one objective beyond noise, and not
        worse in any other."""
        return [
            point for point in self.feasible if not any(self._beats(other, point) for other in self.feasible)
        ]

    def _beats(self, one: int, other: int) -> bool:
        if one == other:
            return False
        intervals = [levels.difference(one, other)[1] for levels in self.objective_levels]
        return any(each.low > 0 for each in intervals) and not any(each.high < 0 for each in intervals)

    def undecided(self) -> list[int]:
        """Return the points that would be best if they meet the constraints, which may be, the best first."""
        if not self.complete:
            return []
        to_beat = -math.inf if self.best is None else float(self.prediction.mean[self.best])
        found = [
            point
            for point in self.levels.points
            if not self.is_feasible(point)
            and all(limit.level(point) > 0 for limit in self.limits)
            and float(self.prediction.mean[point]) > to_beat
        ]
        return sorted(found, key=lambda point: -float(self.prediction.mean[point]))

    # --- predictions -------------------------------------------------------------------------------------

    @cached_property
    def prediction(self) -> Prediction:
        """Prediction of the first objective for all points."""
        return predict(
            self._coordinates,
            [Sample(one.point, one.block, one.values[0]) for one in self.known.observations],
        )

    @cached_property
    def _limit_predictions(self) -> list[Prediction]:
        return [predict(self._coordinates, samples) for samples in self._margins(self.known.observations)]

    @cached_property
    def _wanted(self) -> Prediction:
        """Prediction of what the next run should improve: with several objectives a mixture of them.

        The augmented Chebyshev function of ParEGO (Knowles 2006), with other weights at every run.
        """
        seen = self.known.observations
        count = len(seen[0].values)
        if count == 1:
            return self.prediction
        columns = list(zip(*(one.values for one in seen), strict=True))
        lows = [min(column) for column in columns]
        sizes = [max(column) - low or 1.0 for column, low in zip(columns, lows, strict=True)]
        rng = random.Random(f"{self._seed} {self.known.runs} weights")
        drawn = [rng.expovariate(1.0) for _ in range(count)]
        weights = [one / sum(drawn) for one in drawn]

        def mixed(one: Observation) -> float:
            parts = [
                weight * ((value - low) / size - 1.0)
                for weight, value, low, size in zip(weights, one.values, lows, sizes, strict=True)
            ]
            return float(min(parts) + _AUGMENTED * sum(parts))

        return predict(self._coordinates, [Sample(one.point, one.block, mixed(one)) for one in seen])

    @staticmethod
    def _margins(observations: Sequence[Observation]) -> list[list[Sample]]:
        count = len(observations[0].margins) if observations else 0
        return [
            [Sample(one.point, one.block, one.margins[number]) for one in observations]
            for number in range(count)
        ]

    def _chance_to_work(self) -> Array:
        """Return for every point the chance that its run gives numbers, from those that did and did not."""
        import numpy as np

        failed = sorted(self.known.failed)
        worked = sorted({one.point for one in self.known.observations})
        if not failed:
            sure: Array = np.ones(len(self._coordinates))
            return sure
        seen = [*failed, *worked]
        lengths = np.full(self._coordinates.shape[1], _FAILURE_LENGTH * math.sqrt(self._coordinates.shape[1]))
        own = kernel(self._coordinates[seen], self._coordinates[seen], lengths, 1.0)
        own[np.diag_indices_from(own)] += 0.01
        labels = np.array([1.0] * len(failed) + [0.0] * len(worked)) - _FAILURE_PRIOR
        cross = kernel(self._coordinates, self._coordinates[seen], lengths, 1.0)
        risk: Array = np.clip(_FAILURE_PRIOR + cross @ np.linalg.solve(own, labels), 0.0, 1.0)
        works: Array = 1.0 - risk
        return works

    # --- the next run ------------------------------------------------------------------------------------

    @cached_property
    def decision(self) -> NextRun | Finished:
        """The next run."""
        known = self.known
        if not known.observations:
            return (
                Finished("baseline")
                if self.baseline in known.failed | known.refused
                else NextRun(self.baseline, "baseline")
            )
        if known.runs >= self._trials:
            return Finished("trials")
        if known.in_block == 0 and self.best is not None:
            return NextRun(self.best, "anchor")
        untried = self._untried()
        left = self._trials - known.runs
        reserve = min(_MOST_RESERVE, round(_RESERVE * self._trials))
        if untried:
            start = self._start(untried) if left > reserve else None
            if start is not None:
                return NextRun(start, "start")
            explored = self._explore(untried, WORTH if left > reserve else _WORTH_A_REPEAT)
            if explored is not None:
                return NextRun(explored, "explore")
        return self._repeat(untried)

    def _untried(self) -> list[int]:
        tried = {one.point for one in self.known.observations} | self.known.failed | self.known.refused
        return [point for point in range(len(self._coordinates)) if point not in tried]

    def _start(self, untried: list[int]) -> int | None:
        """Return a point far from all tried ones, until there are as many as two for each axis.

        Few runs have fewer: `_START` of them.
        """
        import numpy as np

        tried = sorted({one.point for one in self.known.observations} | self.known.failed)
        if len(tried) > min(2 * self._coordinates.shape[1], int(_START * self._trials)):
            return None
        apart = distances(self._coordinates[untried], self._coordinates[tried]).sum(axis=0).min(axis=1)
        rng = random.Random(f"{self._seed} {len(tried)}")
        farthest = np.flatnonzero(apart >= apart.max() - 1e-9)
        return untried[int(rng.choice(list(farthest)))]

    def _explore(self, untried: list[int], worth: float = WORTH) -> int | None:
        """Return the point with the largest expected improvement; None: it is not worth a run."""
        import numpy as np

        expected = self._wanted
        feasible = list(self.feasible)
        to_beat = float(
            expected.mean[feasible or untried].max() if feasible else expected.mean[untried].min()
        )
        gain = _expected_improvement(expected.mean[untried] - to_beat, _CAUTION * expected.deviation[untried])
        gain = gain * self._chance_to_work()[untried]
        for limit in self._limit_predictions:
            error = np.hypot(_CAUTION * limit.deviation[untried], limit.blocks)
            gain = gain * _normal_cdf(limit.mean[untried] / error)
        at = int(np.argmax(gain))
        return untried[at] if float(gain[at]) > worth else None

    def _repeat(self, untried: list[int]) -> NextRun | Finished:
        """Return a leader to repeat; when the best is known, a point that is worth it after all."""
        for point in self.undecided():
            if self.levels.runs(point) < _MOST_UNDECIDED:
                return NextRun(point, "repeat")
        leaders = self.leaders()
        if leaders and not self.levels.spread.runs:
            # Without repeats nothing is known of the variation from run to run.
            return NextRun(min((leaders[0], self.baseline), key=self.levels.runs), "repeat")
        if len(leaders) > 1:
            return NextRun(min(leaders, key=self.levels.runs), "repeat")
        explored = self._explore(untried) if untried else None
        if explored is not None:
            return NextRun(explored, "explore")
        return Finished("decided" if leaders else "exhausted")


def _normal_cdf(values: Array) -> Array:
    import numpy as np

    result: Array = np.array([0.5 * math.erfc(-one / math.sqrt(2)) for one in values])
    return result


def _expected_improvement(gain: Array, deviation: Array) -> Array:
    """Return the expected improvement over 0 (Jones et al. 1998, equation 15)."""
    import numpy as np

    safe = np.maximum(deviation, 1e-12)
    scaled = gain / safe
    density = np.exp(-(scaled**2) / 2) / math.sqrt(2 * math.pi)
    result: Array = gain * _normal_cdf(scaled) + safe * density
    return result
