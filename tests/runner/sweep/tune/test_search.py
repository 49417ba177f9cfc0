"""The next run of a tuning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runner.sweep.tune.observations import Known, Observation
from runner.sweep.tune.search import Finished, NextRun, Search
from runner.sweep.tune.space import Axis, Space

SPACE = Space((Axis("batch", (1, 2, 4, 8), {}), Axis("plugin", ("a", "b"), {})))
COORDINATES = np.array(SPACE.coordinates(SPACE.points()))


def search(
    values: Sequence[tuple[int, float]],
    *,
    margins: Sequence[float] = (),
    trials: int = 30,
    failed: Sequence[int] = (),
    refused: Sequence[int] = (),
    in_block: int = 1,
) -> Search:
    seen = tuple(
        Observation(point, 0, (value,), (margins[number],) if margins else ())
        for number, (point, value) in enumerate(values)
    )
    known = Known(seen, frozenset(failed), frozenset(refused), len(seen) + len(failed), 0, in_block)
    return Search(COORDINATES, 2, trials, known)


REPEATED = [(2, 0.0), (2, 0.001), (3, 0.1), (3, 0.101), (3, 0.099)]


def test_the_baseline_comes_first() -> None:
    assert search([]).decision == NextRun(2, "baseline")
    assert search([], refused=[2]).decision == Finished("baseline")


def test_failed_and_refused_points_are_not_chosen() -> None:
    step = search([(2, 0.0)], failed=[0, 1, 3], refused=[4, 5, 6]).decision
    assert isinstance(step, NextRun)
    assert step.point == 7


def test_a_new_block_begins_with_the_best_point() -> None:
    assert search([(2, 0.0), (5, 0.3), (6, 0.1)], in_block=0).decision == NextRun(5, "anchor")


def test_a_point_that_breaks_a_constraint_is_not_best() -> None:
    assert search([(2, 0.0), (5, 0.3)], margins=[0.5, -0.1]).best == 2


def test_a_constraint_within_noise_is_not_met() -> None:
    found = search([(2, 0.0), (5, 0.3)], margins=[0.5, 0.01])
    assert found.best == 2
    assert found.undecided() == [5]


def test_leaders_that_are_alike_are_repeated() -> None:
    everything = [0, 1, 4, 5, 6, 7]
    found = search([*REPEATED, (4, 0.1005)], refused=[point for point in everything if point != 4])
    assert set(found.leaders()) == {3, 4}
    assert found.decision == NextRun(4, "repeat")


def test_the_search_ends_when_the_best_is_known() -> None:
    assert search(REPEATED, refused=[0, 1, 4, 5, 6, 7]).decision == Finished("decided")


def test_nothing_is_decided_before_runs_were_repeated() -> None:
    assert search([(2, 0.0), (3, 0.1)], refused=[0, 1, 4, 5, 6, 7]).decision == NextRun(3, "repeat")


def test_few_runs_are_not_spent_on_starting_points_and_repeats() -> None:
    # It grows with the batch, the largest batch breaks the constraint: batch 4 is worth a run.
    found = search([(2, 0.0), (6, 1.2), (7, 1.2)], margins=[0.6, -0.2, -0.2], trials=6)
    assert isinstance(found.decision, NextRun)
    assert found.decision.purpose == "explore"
    found = search(
        [(0, -0.7), (6, 1.2), (7, 1.2), (2, 0.0), (3, 0.0)], margins=[0.9, -0.2, -0.2, 0.6, 0.6], trials=6
    )
    assert found.decision in (NextRun(4, "explore"), NextRun(5, "explore"))


def test_the_number_of_runs_is_a_limit() -> None:
    assert search(REPEATED, trials=5).decision == Finished("trials")


def test_several_objectives_give_a_front() -> None:
    seen = tuple(
        Observation(point, 0, values)
        for _ in range(3)
        for point, values in ((2, (0.0, 0.5)), (3, (0.5, 0.0)), (4, (-0.1, 0.2)))
    )
    found = Search(COORDINATES, 2, 30, Known(seen, runs=9, in_block=1))
    assert set(found.front()) == {2, 3}
    assert isinstance(found.decision, NextRun)
