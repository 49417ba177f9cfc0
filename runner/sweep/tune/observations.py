"""What a tuning has measured so far, as logarithms in which more is better. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 8
"""Runs of a block: the level of the machine is taken as constant within it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The numbers of one run.

    Attributes:
        point: index of its point in the search space.
        block: runs of one block were measured directly after each other, by one start of the tuning.
        values: for each objective the logarithm, negated if less is better.
        margins: for each constraint log(bound / value), so that it is met above 0.
        partial: the run was ended early, so its numbers are those of fewer iterations.
    """

    point: int
    block: int
    values: tuple[float, ...]
    margins: tuple[float, ...] = ()
    partial: bool = False


@dataclass(frozen=True)
class Known:
    """Everything that the next decision depends on.

    Attributes:
        observations: in the order of measuring.
        failed: points whose run gave no numbers: out of memory, or a stage failed. They cost a run.
        refused: points that were refused before anything was started; they cost nothing.
        runs: number of runs so far, failed ones included.
        block: number of the current block.
        in_block: number of runs in it.
    """

    observations: tuple[Observation, ...] = ()
    failed: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    runs: int = 0
    block: int = 0
    in_block: int = 0
