"""The timed loop of a configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator


def timed_indices(
    num_runs: int,
    duration: float,
    agree: Callable[[bool], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[int]:
    """Yield 0, 1, 2, ... until both `num_runs` iterations and `duration` seconds are reached.

    Clocks of ranks differ, and if one rank stops alone, the others wait in a collective. So after `num_runs`,
    `agree` replaces the decision of a rank to continue by that of rank 0. All ranks call it between
    iterations, and only if there is a duration.
    """
    began = clock()
    index = 0
    while index < num_runs or (duration > 0 and agree(clock() - began < duration)):
        yield index
        index += 1
