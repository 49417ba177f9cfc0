"""A comparison: what differs, whether it is fair, and the change of every number with its verdict.

`compare(sides(["A", "B"]))` gives a `Comparison`, which screens and exports draw as it is; `as_text` in
`compare.comparison_text` prints it. It is also the JSON of `trtbench-tui compare --json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from msgspec.structs import asdict, astuple

from runner.compare.across_engines import AcrossEngines, compare_across_engines
from runner.compare.differences import Difference, differences, unfairness_reasons
from runner.compare.run_variation import EarlierRuns, Repeats
from runner.compare.sides import ComparedRun, Side
from runner.compare.verdict import (
    ASSUMED_SPREAD,
    DECISION,
    FEWEST_PAIRS,
    THRESHOLD,
    RunValue,
    Spread,
    Verdict,
    judge,
)
from runner.metrics import LATENCY, OUTPUT_TOKENS_PER_SEC, Metric, compared_metrics
from runner.plan.plan import Configuration, ConfigurationValues, configuration_of
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
    return SERVING_HEADLINE if shape.requests else HEADLINE


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
    """why it is INCONCLUSIVE or NOT JUDGED"""
    repeats: int | None = None
    """estimated number of further repeats of each side for a verdict"""
    holds_together: bool = True
    """whether the verdict also holds with Bonferroni correction for the number of configurations"""
    spread: float = 0.0
    """standard deviation from run to run that was used, as a share"""
    spread_runs: int = 0
    """number of earlier runs that it is from; 0: from the compared repeats, else assumed"""


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


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """The first side against one of the others."""

    first: str
    second: str
    fair: bool
    unfair_because: tuple[str, ...]
    """reasons; empty if it is fair"""
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
    """confidence level that FASTER and SLOWER, BETTER and WORSE need"""
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
    """Compare the first side with each of the others; the result of a pair depends only on these two.

    Args:
        sides: two or more, of `runner.compare.sides.load_sides`.
        metrics: the metrics to compare in each configuration that both sides measured; None: those with a
            `comparison_place`.
        threshold: the share below which a change does not matter.
    """
    found = tuple(differences(sides))
    first, *others = sides
    earlier = EarlierRuns()
    chosen = compared_metrics() if metrics is None else metrics
    return Comparison(
        threshold=threshold,
        sides=tuple(_summary(side) for side in sides),
        differences=found,
        pairs=tuple(_pair(first, other, chosen, threshold, earlier) for other in others),
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
    )


def _pair(
    first: Side, second: Side, metrics: Sequence[Metric], threshold: float, earlier: EarlierRuns
) -> Pair:
    repeats = Repeats((*first.runs, *second.runs), earlier)
    shapes = [shape for shape in first.shapes if shape in second.shapes]
    against = unfairness_reasons(first, second, differences((first, second)), shapes)
    matched = _find_pairs(first, second)
    together = 1 - (1 - DECISION) / max(1, len(shapes))
    configurations = []
    for shape in shapes:
        changes = [
            change
            for metric in metrics
            if (change := _change(first, second, shape, metric, threshold, repeats, matched, together))
        ]
        configurations.append(ConfigurationComparison(**asdict(shape), changes=tuple(changes)))
    spreads = [repeats.spread(shape, _headline(shape).name) for shape in shapes]
    return Pair(
        first=first.label,
        second=second.label,
        fair=not against,
        unfair_because=tuple(against),
        method=_method(first, second, matched is not None, spreads) if shapes else "",
        configurations=tuple(configurations),
        only_first=tuple(astuple(shape) for shape in first.shapes if shape not in shapes),
        only_second=tuple(astuple(shape) for shape in second.shapes if shape not in shapes),
    )


def _find_pairs(first: Side, second: Side) -> list[tuple[ComparedRun, ComparedRun]] | None:
    """Return pairs of runs from the same pass of one sweep (A B A B); None if there are none."""
    by_pass = [
        {(run.report.sweep.sweep, run.report.sweep.repeat): run for run in side.runs if run.report.sweep}
        for side in (first, second)
    ]
    a, b = by_pass
    if len(a) != len(first.runs) or set(a) != set(b) or len(b) != len(second.runs) or len(a) < FEWEST_PAIRS:
        return None
    return [(a[key], b[key]) for key in sorted(a)]


def _change(
    first: Side,
    second: Side,
    shape: Configuration,
    metric: Metric,
    threshold: float,
    repeats: Repeats,
    matched: list[tuple[ComparedRun, ComparedRun]] | None,
    together: float,
) -> MetricChange | None:
    if matched is not None:
        runs = [[pair[0] for pair in matched], [pair[1] for pair in matched]]
    else:
        runs = [list(first.runs), list(second.runs)]
    alone = all(len(side) == 1 for side in runs)
    a, b = ([_measured(run, shape, metric, alone) for run in side] for side in runs)
    known_a, known_b = ([one for one in side if one is not None] for side in (a, b))
    if not known_a or not known_b or len(known_a) < len(a) or len(known_b) < len(b):
        return None
    spread = repeats.spread(shape, metric.name)
    paired = matched is not None
    judgement = judge(metric, known_a, known_b, spread=spread, paired=paired, threshold=threshold)
    strict = judge(
        metric, known_a, known_b, spread=spread, paired=paired, threshold=threshold, decision=together
    )
    return MetricChange(
        metric=metric.name,
        unit=metric.unit,
        first=middle([one.value for one in known_a]),
        second=middle([one.value for one in known_b]),
        first_n=_count(runs[0], shape, metric),
        second_n=_count(runs[1], shape, metric),
        change=judgement.change,
        low=judgement.low,
        high=judgement.high,
        verdict=judgement.verdict,
        why=judgement.why,
        repeats=judgement.repeats,
        holds_together=judgement.verdict == strict.verdict,
        spread=spread.deviation if alone or spread.runs else 0.0,
        spread_runs=spread.runs,
    )


def _measured(run: ComparedRun, shape: Configuration, metric: Metric, alone: bool) -> RunValue | None:
    value = run.value(shape, metric.name)
    if value is None:
        return None
    # The precision of one run only matters if nothing else shows its variation.
    return RunValue(value, run.estimates.get(shape, {}).get(metric) if alone else None)


def _count(runs: Sequence[ComparedRun], shape: Configuration, metric: Metric) -> int:
    rows = [row for run in runs for row in run.configurations[shape].rows if row.metric == metric.name]
    return sum(row.n for row in rows)


def _method(first: Side, second: Side, paired: bool, spreads: Sequence[Spread]) -> str:
    a, b = len(first.runs), len(second.runs)
    if paired:
        return (
            f"{a} pairs of runs that alternated: Student's t of the differences within the pairs, so that"
            " slow drift of the machine cancels; means are geometric"
        )
    earlier = max((spread.runs for spread in spreads), default=0)
    if a + b > 2:
        more = f", its variance pooled with {earlier} earlier runs of the same" if earlier else ""
        return f"{a} and {b} runs, each counted once: Student's t of their geometric means{more}"
    within = "one run each: block bootstrap of its iterations, together with run-to-run variation, "
    largest = max((spread.deviation for spread in spreads if spread.runs or not earlier), default=0.0)
    if earlier:
        return f"{within}{100 * largest:.2f} % of the mean latency in {earlier} earlier runs of the same"
    return (
        f"{within}which is unknown and assumed to be as large as that of iterations, at least"
        f" {100 * ASSUMED_SPREAD:g} % (here {100 * largest:.1f} %); `run --repeat 5` of both measures it"
    )


def worse_changes(comparison: Comparison, names: Sequence[str]) -> list[MetricChange]:
    """Return the changes of these metrics that are SLOWER or WORSE, also with Bonferroni correction."""
    return [
        change
        for change in _changes(comparison, names)
        if change.verdict in ("SLOWER", "WORSE") and change.holds_together
    ]


def undecided_changes(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """Return the undecided changes of these metrics, and pairs that have nothing to compare."""
    found = [
        f"{change.metric}: {change.why}"
        for change in _changes(comparison, names)
        if change.verdict in ("INCONCLUSIVE", "NOT JUDGED")
    ]
    return found + [
        f"{pair.first} and {pair.second} have no configuration in common"
        for pair in comparison.pairs
        if not any(configuration.changes for configuration in pair.configurations)
    ]


def _changes(comparison: Comparison, names: Sequence[str]) -> list[MetricChange]:
    return [
        change
        for pair in comparison.pairs
        for configuration in pair.configurations
        for change in configuration.changes
        if change.metric in names
    ]
