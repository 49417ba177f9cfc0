"""What a metric is, and a value of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["latency", "throughput", "generation", "memory", "gpu", "sample"]


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    title: str
    unit: str
    group: Group
    better: Literal["lower", "higher", "neither"]
    formula: str
    source: str
    upstream_key: str = ""
    """key of the engine's printed line that states the same quantity"""
    digits: int = 3
    count: str = ""
    """what the n of this number counts"""
    conditions: str = ""
    """when there is no number, when it means little, and what to know before comparing it"""

    @property
    def with_unit(self) -> str:
        """`latency, mean, ms`"""
        return f"{self.title}, {self.unit}" if self.unit else self.title


@dataclass(frozen=True, slots=True)
class Value:
    """A metric of one configuration: a number, or the reason why there is none."""

    metric: Metric
    value: float | None
    n: int
    printed: str = ""
    """what the engine itself printed, verbatim"""
    note: str = ""
    low: float | None = None
    high: float | None = None
    """95 % interval from the iterations of this run, in the unit of the metric; None: no bound is known"""


Computed = dict[Metric, tuple[float | None, int, str]]
"""Number (None: there is none), n and note of metrics"""


def as_number(text: str) -> float:
    """A printed number; 0.0 for what is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0
