"""A comparison: what differs, whether sides are comparable, and the change of every number with its verdict.

`compare(sides(["A", "B"]))` gives a `Comparison`, which screens and exports draw as it is; `as_text` in
`compare.comparison_text` prints it. It is also the JSON of `trtbench-tui compare --json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from msgspec.structs import asdict, astuple

from runner.compare.across_engines import AcrossEngines, compare_across_engines
from runner.compare.differences import Difference, differences, notes, unfairness_reasons
from runner.compare.method import describe_method
from runner.compare.run_difference import RunDifference, RunValue
from runner.compare.run_variation import EarlierRuns, Repeats
from runner.compare.sides import ComparedRun, Side
from runner.compare.verdict import (
    DECISION,
    FAMILY,
    THRESHOLD,
    Judgement,
    Verdict,
    allowed_chances,
    conclude,
    find_difference,
)
from runner.metrics import (
    DECODE_CEILING,
    LATENCY,
    OUTPUT_TOKENS_PER_SEC,
    REQUESTS_CEILING,
    Metric,
    compared_metrics,
)
from runner.plan.plan import Configuration, ConfigurationValues, configuration_of, in_flight
from runner.report.result_table import configuration_name
from runner.stats.intervals import LEVEL
from runner.stats.repeats import middle

SCHEMA: Literal[1] = 1
"""Version of the JSON of a comparison; raised when a reader of an older one would misread it."""

HEADLINE = LATENCY
"""The main metric of a configuration; tokens per second is its inverse."""
SERVING_HEADLINE = OUTPUT_TOKENS_PER_SEC
"""The main metric of serving configurations, where throughput and latency are independent."""


def _headline(shape: Configuration) -> Metric:
    return SERVING_HEADLINE if in_flight(shape) else HEADLINE


class SideSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a comparison."""

    label: str
    """A, B, C ...; changes are relative to A"""
    profile: str
    summary: str
    """model and shape in short"""
    runs: tuple[str, ...]
    """ids; more than one are repeats"""
    engine: str = ""
    states_machine: bool = True
    """whether its machine is known; that of an imported result is not"""
    warnings: tuple[str, ...] = ()
    """those of its runs that say that numbers are distorted or wrong, the largest effect first"""


class MetricChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of one configuration on two sides."""

    metric: str
    unit: str
    first: float
    """value of A: the (geometric) mean of its runs"""
    second: float
    first_n: int
    """n in the table: iterations or readings of all runs of the side"""
    second_n: int
    change: float
    """share: 0.02 is 2 % more than A"""
    low: float | None = None
    high: float | None = None
    """of the change, at `Comparison.level`; None: not known"""
    verdict: Verdict | None = None
    """None: neither direction is better"""
    why: str = ""
    """why it is INCONCLUSIVE or NOT JUDGED; empty if the pair is not fair"""
    repeats: int | None = None
    """number of further repeats of each side, measured alternately, for a verdict in 80 of 100 cases"""
    spread: float = 0.0
    """standard deviation that was used, as a share: from session to session if the sides were measured in
    different ones, else from run to run"""
    spread_runs: int = 0
    """number of earlier runs that it is from; 0: from the compared runs, or assumed"""
    assumed: bool = False
    """whether `spread` is assumed"""

    @property
    def has_interval(self) -> bool:
        """Whether an interval was asked for; a metric without a verdict has none."""
        known = self.low is not None or self.high is not None
        return known or self.verdict not in (None, "NOT JUDGED")

    def interval_text(self, bound_text: Callable[[float | None], str]) -> str:
        """Return the interval for a table: `-3.1 % to +0.4 %`, `not bounded`, or nothing."""
        if self.low is None and self.high is None:
            return "not bounded" if self.has_interval else ""
        return f"{bound_text(self.low)} to {bound_text(self.high)}"


class ConfigurationComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one configuration that both sides measured."""

    batch_size: int
    input_len: int
    output_len: int
    gpu_weights_percent: float
    changes: tuple[MetricChange, ...]
    requests: int = 0
    concurrency: int = 0

    @property
    def shape(self) -> Configuration:
        return configuration_of(self)

    @property
    def headline(self) -> MetricChange | None:
        """The change of the main metric; None if it was not compared."""
        wanted = _headline(self.shape).name
        return next((change for change in self.changes if change.metric == wanted), None)

    def ceiling_sentence(self, first: str, second: str) -> str:
        """Return `A reaches 62 % of its ceiling, B 81 %`; empty if it is not known for both sides."""
        names = {DECODE_CEILING.name, REQUESTS_CEILING.name}
        for change in self.changes:
            if change.metric in names:
                return f"{first} reaches {change.first:.0f} % of its ceiling, {second} {change.second:.0f} %"
        return ""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """The first side against one of the others."""

    first: str
    second: str
    fair: bool
    unfair_because: tuple[str, ...]
    """reasons; empty if it is fair"""
    notes: tuple[str, ...] = ()
    """what differs by design, and what is not known: neither is a reason against it"""
    method: str
    """how the intervals were computed"""
    configurations: tuple[ConfigurationComparison, ...]
    only_first: tuple[ConfigurationValues, ...] = ()
    only_second: tuple[ConfigurationValues, ...] = ()
    """configurations that only one side measured"""

    def unmatched(self) -> Iterator[tuple[str, str]]:
        """Yield each side that measured configurations alone, with their names."""
        for side, alone in ((self.first, self.only_first), (self.second, self.only_second)):
            if alone:
                yield side, ", ".join(configuration_name(Configuration(*values)) for values in alone)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of two or more sides."""

    kind: Literal["comparison"] = "comparison"
    schema: int = SCHEMA
    level: float = LEVEL
    """confidence level of each interval"""
    decision: float = DECISION
    """confidence level that FASTER and SLOWER, BETTER and WORSE need, each of them"""
    family: float = FAMILY
    """probability of any wrong one of them in this comparison, at most (Holm)"""
    threshold: float = THRESHOLD
    """changes below this share do not matter"""
    sides: tuple[SideSummary, ...]
    differences: tuple[Difference, ...]
    """what differs between the sides"""
    pairs: tuple[Pair, ...]
    across: tuple[AcrossEngines, ...] = ()
    """for engines with different kinds of measurement: their numbers at the same lengths, side by side"""


def compare(
    sides: Sequence[Side],
    *,
    metrics: Sequence[Metric] | None = None,
    threshold: float = THRESHOLD,
) -> Comparison:
    """Compare the first side with each of the others.

    The numbers of a pair depend only on its two sides. Whether a change is called depends on how many changes
    the comparison shows (`runner.compare.verdict.allowed_chances`).

    Args:
        sides: two or more, of `runner.compare.sides.load_sides`.
        metrics: the metrics to compare in each configuration that both sides measured; None: those with a
            `comparison_place`.
        threshold: the share below which a change does not matter.
    """
    first, *others = sides
    earlier = EarlierRuns()
    chosen = compared_metrics() if metrics is None else metrics
    drafts = [_draft_pair(first, other, chosen, earlier) for other in others]
    judged = [change for draft in drafts if not draft.against for change in draft.changes() if change.judged]
    allowed = dict(zip(map(id, judged), allowed_chances([one.chance for one in judged]), strict=True))
    return Comparison(
        threshold=threshold,
        sides=tuple(_summary(side) for side in sides),
        differences=tuple(differences(sides)),
        pairs=tuple(_finish_pair(draft, threshold, allowed) for draft in drafts),
        across=compare_across_engines(sides),
    )


def _summary(side: Side) -> SideSummary:
    report = side.runs[0].report
    return SideSummary(
        label=side.label,
        profile=report.profile,
        summary=report.summary,
        runs=tuple(run.name for run in side.runs),
        engine=report.engine,
        states_machine=all("machine" in run.conditions for run in side.runs),
        warnings=tuple(side.serious_warnings),
    )


@dataclass(frozen=True)
class _DraftChange:
    """A change before all changes of the comparison are known."""

    metric: Metric
    values: tuple[float, float]
    counts: tuple[int, int]
    found: RunDifference | Judgement

    @property
    def judged(self) -> bool:
        return isinstance(self.found, RunDifference) and self.metric.better != "neither"

    @property
    def chance(self) -> float:
        return self.found.chance if isinstance(self.found, RunDifference) else 1.0


@dataclass(frozen=True)
class _DraftPair:
    first: Side
    second: Side
    against: tuple[str, ...]
    notes: tuple[str, ...]
    shapes: dict[Configuration, list[_DraftChange]]

    def changes(self) -> Iterator[_DraftChange]:
        for changes in self.shapes.values():
            yield from changes


def _draft_pair(first: Side, second: Side, metrics: Sequence[Metric], earlier: EarlierRuns) -> _DraftPair:
    repeats = Repeats((*first.runs, *second.runs), earlier)
    shapes = [shape for shape in first.shapes if shape in second.shapes]
    apart = differences((first, second))
    against = unfairness_reasons(first, second, apart, shapes)
    drafts = {
        shape: [
            change
            for metric in metrics
            if (change := _draft_change(first, second, shape, metric, repeats)) is not None
        ]
        for shape in shapes
    }
    return _DraftPair(first, second, tuple(against), tuple(notes(first, second, apart)), drafts)


def _draft_change(
    first: Side, second: Side, shape: Configuration, metric: Metric, repeats: Repeats
) -> _DraftChange | None:
    sides = []
    for side in (first, second):
        values = [_measured(run, shape, metric, repeats, len(side.runs) == 1) for run in side.runs]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        sides.append(known)
    a, b = sides
    return _DraftChange(
        metric,
        (middle([one.value for one in a]), middle([one.value for one in b])),
        (_count(first.runs, shape, metric), _count(second.runs, shape, metric)),
        find_difference(metric, a, b, variation=repeats.variation(shape, metric.name)),
    )


def _measured(
    run: ComparedRun, shape: Configuration, metric: Metric, repeats: Repeats, alone: bool
) -> RunValue | None:
    value = run.value(shape, metric.name)
    if value is None:
        return None
    # The precision of one run only matters if no repeats show its variation; reading it takes the whole log.
    estimate = run.estimates.get(shape, {}).get(metric) if alone and metric.judged else None
    return RunValue(value, estimate, repeats.session(run), repeats.order(run), repeats.has_history(run))


def _finish_pair(draft: _DraftPair, threshold: float, allowed: dict[int, float]) -> Pair:
    first, second = draft.first, draft.second
    configurations = tuple(
        ConfigurationComparison(
            **asdict(shape),
            changes=tuple(
                _finish_change(change, not draft.against, threshold, allowed.get(id(change), 0.0))
                for change in changes
            ),
        )
        for shape, changes in draft.shapes.items()
    )
    main = [
        change.found
        for shape, changes in draft.shapes.items()
        for change in changes
        if change.metric is _headline(shape) and isinstance(change.found, RunDifference)
    ]
    return Pair(
        first=first.label,
        second=second.label,
        fair=not draft.against,
        unfair_because=draft.against,
        notes=draft.notes,
        method=describe_method((len(first.runs), len(second.runs)), main) if main else "",
        configurations=configurations,
        only_first=tuple(astuple(shape) for shape in first.shapes if shape not in draft.shapes),
        only_second=tuple(astuple(shape) for shape in second.shapes if shape not in draft.shapes),
    )


def _finish_change(draft: _DraftChange, fair: bool, threshold: float, allowed: float) -> MetricChange:
    found, metric = draft.found, draft.metric
    judgement = found if isinstance(found, Judgement) else conclude(metric, found, threshold, allowed)
    if not fair and judgement.verdict is not None:
        judgement = replace(judgement, verdict="NOT JUDGED", why="", repeats=None)
    used = found.used if isinstance(found, RunDifference) else None
    return MetricChange(
        metric=metric.name,
        unit=metric.unit,
        first=draft.values[0],
        second=draft.values[1],
        first_n=draft.counts[0],
        second_n=draft.counts[1],
        change=judgement.change,
        low=judgement.low,
        high=judgement.high,
        verdict=judgement.verdict,
        why=judgement.why,
        repeats=judgement.repeats,
        spread=used.deviation if used is not None else 0.0,
        spread_runs=used.runs if used is not None else 0,
        assumed=isinstance(found, RunDifference) and found.assumed,
    )


def _count(runs: Sequence[ComparedRun], shape: Configuration, metric: Metric) -> int:
    rows = [row for run in runs for row in run.configurations[shape].rows if row.metric == metric.name]
    return sum(row.n for row in rows)
