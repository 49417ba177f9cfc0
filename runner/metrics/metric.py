"""What a metric is: one entry with its definition and its computation; and a value of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from runner.util.bounds import parse_number

if TYPE_CHECKING:
    from runner.metrics.context import MetricContext
    from runner.stats.intervals import Estimate, Interval

MetricGroup = Literal["latency", "throughput", "generation", "ceiling", "memory", "gpu", "sample"]


class Computed(NamedTuple):
    """The result of a computation."""

    value: float | None
    """None: there is no number, and `note` says why"""
    n: int
    note: str = ""


class Metric(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One row of the result table: what it means, and how it is computed.

    The table, the `?` help, `trtbench-tui metrics`, `METRICS.md`, exports and comparisons read these fields.
    A new metric is one entry in the tuple of its family; `runner.metrics.registry` joins the families.
    """

    name: str
    title: str
    unit: str
    group: MetricGroup
    """part of the page of documentation; metrics of `gpu` are computed only where GPUs were read"""
    better: Literal["lower", "higher", "neither"]
    formula: str
    source: str
    upstream_key: str = ""
    """key of the engine's printed line that states the same quantity; its value counts where `compute` gives
    None because no iterations or requests were observed"""
    other_keys: tuple[str, ...] = ()
    """the same key in other versions and forms of the engine's report"""
    digits: int = 3
    count: str = ""
    """what the n of this number counts"""
    conditions: str = ""
    """when there is no number, when it means little, and what to know before comparing it"""
    compute: Callable[[MetricContext], Computed | None]
    """the number, or the reason why there is none; None: not observed"""
    estimate: Callable[[MetricContext], Estimate | None] | None = None
    """how well the iterations of one run determine the number: for the table's interval and for comparisons;
    None: one run tells nothing about its spread"""
    bounds: Callable[[MetricContext], Interval | None] | None = None
    """interval for the table alone, where there is no `estimate`"""
    optional: bool = False
    """whether the table leaves it out where it was not observed, because few runs have it"""
    needs_samples: bool = True
    """for metrics of `gpu`: computed from samples of the measured phase, so a short phase gives no number"""
    judged: bool = True
    """whether a comparison gives a verdict; False: a change of it is shown only, because it depends on the
    number of iterations or describes scatter, not speed"""
    as_measured: bool = False
    """whether it describes one run alone (a count, an extreme, scatter): an assertion takes it without any
    variation from run to run, and must hold in every run"""
    comparison_place: int | None = None
    """place among the metrics that every comparison shows; None: compared only when a user names it"""

    @property
    def with_unit(self) -> str:
        """`latency, mean, ms`"""
        return f"{self.title}, {self.unit}" if self.unit else self.title


def unknown_metric(name: str, unit: str) -> Metric:
    """Return an entry for a metric that only a newer version knows."""
    unknown = "this version of trtbench-tui does not know this metric"
    return Metric(
        name=name,
        title=name,
        unit=unit,
        group="sample",
        better="neither",
        formula=unknown,
        source=unknown,
        compute=lambda _: None,
    )


class MetricValue(msgspec.Struct, frozen=True):
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


def as_number(text: str) -> float:
    """Return a printed number; 0.0 for a text that is not a number, or one without a meaning."""
    return parse_number(text) or 0.0


def imported_key(metric: Metric) -> str:
    """Return the key of a result under which an import puts a number with the meaning of a metric."""
    return f"metric {metric.name}"


def printed_value(metric: Metric, result: dict[str, str]) -> str:
    """Return what the engine printed for a metric, verbatim; empty when it did not print it.

    An importer may have mapped it, and converted its unit.
    """
    names = (imported_key(metric), metric.upstream_key, *metric.other_keys)
    return next((result[name] for name in names if name in result), "")
