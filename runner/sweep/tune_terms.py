"""What a tuning varies and what it wants: the part of `sweep.json` that only a tuning has."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

import msgspec

from runner.util.bounds import Count, Duration, Whole

if TYPE_CHECKING:
    from runner.sweep.progress import SweepProgress

MOST_POINTS = 20_000
"""Most points of a search space: each is predicted before every run."""
COMPARED = 3
"""runs of the winner and of the baseline in the final comparison"""


class TuneAxis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of the profile and the values that the search may choose."""

    path: str
    values: list[Any]
    only_if: dict[str, list[Any]] = {}
    """path of an earlier axis -> its values at which this axis varies; else the profile decides"""


class TuneTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The question of a tuning."""

    axes: list[TuneAxis]
    objectives: list[str]
    """names of metrics; the first one chooses the winner, several give a Pareto front"""
    constraints: list[str] = []
    """`latency_p95_ms < 2000`, as the user wrote it"""
    trials: Count
    """most runs of the search; the final comparison comes on top"""
    budget_s: Duration = 0.0
    """most seconds of the search and the final comparison together; 0: no limit"""
    preflight: bool = True
    """whether points that fail a preflight check are refused"""
    seed: Whole = 0
    """of the starting points"""


def allowed_trials(terms: TuneTerms, progress: SweepProgress, now: float | None) -> int:
    """Return how many runs of the search trials and time allow, with room for the final comparison.

    Args:
        terms: of the tuning.
        progress: of its sweep.
        now: seconds since 1970; None: when the last entry of the log was written.
    """
    ended = [note.ended.seconds for note in progress.search_runs() if note.ended is not None]
    if not terms.budget_s or not ended:
        return terms.trials
    left_s = terms.budget_s - progress.elapsed_s(now) - 2 * COMPARED * fmean(ended)
    return min(terms.trials, len(ended) + max(0, int(left_s / max(fmean(ended), 1e-3))))
