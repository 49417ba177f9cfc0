"""How long a configuration is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator


def timed_indices(
    num_runs: int,
    duration: float,
    agree: Callable[[bool], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[int]:
    """Yields 0, 1, 2, ... until both `num_runs` iterations and `duration` seconds are reached.

    Clocks of ranks differ, and a rank that stops alone leaves the others waiting in a collective: past
    `num_runs`, `agree` turns a rank's own wish to go on into rank 0's. It is called between iterations, by
    all ranks, and only when a duration is asked for.
    """
    began = clock()
    index = 0
    while index < num_runs or (duration > 0 and agree(clock() - began < duration)):
        yield index
        index += 1
