"""Numbers of the baseline, as a run under way shows them next to its own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.metrics.metric import Metric
from runner.plan.plan import Configuration


class BaselineNumbers(msgspec.Struct, frozen=True):
    """What the runs of a baseline measured; of several repeats the middle, as in a comparison."""

    numbers: Mapping[Configuration, Mapping[str, float]] = {}
    """by configuration and name of the metric"""
    why_not: tuple[str, ...] = ()
    """why it is not comparable with the run under way; no numbers then"""

    def find(self, shape: Configuration, metric: Metric) -> float | None:
        """Return a number of the baseline; None: it has none."""
        return self.numbers.get(shape, {}).get(metric.name)
