"""The timed loop: both minima, and one decision for all ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from runner.ranks.loop import timed_indices


class Clock:
    """Advances by a second whenever an iteration is taken."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def count(num_runs: int, duration: float, agree: Callable[[bool], bool] = bool, seconds: float = 1.0) -> int:
    clock = Clock()
    taken = 0
    for index in timed_indices(num_runs, duration, agree, clock):
        assert index == taken
        taken += 1
        clock.now += seconds
    return taken


@pytest.mark.parametrize(
    ("num_runs", "duration", "expected"),
    [(10, 0, 10), (10, 3, 10), (2, 5, 5), (0, 4, 4), (3, 2.5, 3), (1, 0.5, 1)],
)
def test_both_minima_are_met(num_runs: int, duration: float, expected: int) -> None:
    assert count(num_runs, duration) == expected


def test_ranks_speak_only_past_num_runs() -> None:
    asked: list[bool] = []

    def agree(mine: bool) -> bool:
        asked.append(mine)
        return mine

    count(5, 0, agree)
    assert asked == []
    count(5, 7, agree)
    assert asked == [True, True, False]


def test_a_rank_follows_rank_0_not_its_own_clock() -> None:
    decisions: list[bool] = []

    def lead(mine: bool) -> bool:
        decisions.append(mine)
        return mine

    first = count(2, 6, lead)
    for seconds in (0.1, 1.0, 50.0):
        said = iter(decisions)

        def follow(mine: bool, said: Iterator[bool] = said) -> bool:
            return next(said)

        assert count(2, 6, follow, seconds) == first
