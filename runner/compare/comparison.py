"""A comparison: what differs, whether it is fair, and the change of every number with its verdict.

`compare(sides(["A", "B"]))` gives a `Comparison`, which screens and exports draw as it is; `as_text` in
`compare.comparison_text` draws it. It is the JSON of `trtbench-tui compare --json`, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from msgspec.structs import asdict, astuple

from runner.compare.across_engines import Across, across
from runner.compare.differences import Difference, differences, reasons_against
from runner.compare.run_variation import Earlier, Repeats
from runner.compare.sides import Run, Side
from runner.compare.verdict import (
    ASSUMED_SPREAD,
    DECISION,
    FEWEST_PAIRS,
    THRESHOLD,
    Measured,
    Spread,
    Verdict,
    judge,
)
from runner.metrics import (
    GENERATION_TIME,
    GENERATION_TOKENS_PER_SEC,
    JOULES_PER_TOKEN,
    LATENCY,
    P50,
    P95,
    P99,
    PREFILL_TIME,
    TIME_PER_OUTPUT_TOKEN,
    TOKENS_PER_SEC,
)
from runner.metrics.metric import Metric
from runner.metrics.serving_definitions import (
    INTER_TOKEN,
    OUTPUT_TOKENS_PER_SEC,
    REQUEST_LATENCY,
    REQUEST_P95,
    REQUESTS_PER_SEC,
    TTFT,
)
from runner.plan.plan import Configuration, ConfigurationValues, configuration_of
from runner.report.result_table import configuration_name
from runner.stats.intervals import LEVEL
from runner.stats.repeats import middle

SCHEMA: Literal[1] = 1
"""Version of the JSON of a comparison; raised when a reader of an older one would misread it."""

HEADLINE = LATENCY
"""The metric that stands for a configuration: tokens per second is the same number the other way round."""
SERVING_HEADLINE = OUTPUT_TOKENS_PER_SEC
"""The one of requests in flight, whose throughput and latency are two things."""
COMPARED = (
    LATENCY, P50, P95, P99, TOKENS_PER_SEC, GENERATION_TOKENS_PER_SEC,
    PREFILL_TIME, GENERATION_TIME, TIME_PER_OUTPUT_TOKEN, JOULES_PER_TOKEN,
    OUTPUT_TOKENS_PER_SEC, REQUESTS_PER_SEC, REQUEST_LATENCY, REQUEST_P95, TTFT, INTER_TOKEN,
)  # fmt: skip
"""What is compared unless somebody asks for other metrics."""


def _headline(shape: Configuration) -> Metric:
    return SERVING_HEADLINE if shape.requests else HEADLINE


class SideSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a comparison."""

    label: str
    """A, B, C ...; changes are from A to the others"""
    profile: str
    summary: str
    """model and shape in a few words"""
    runs: tuple[str, ...]
    """ids; more than one are repeats"""
    engine: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of one configuration on two sides."""

    metric: str
    unit: str
    first: float
    """of A: mean of its runs, geometric where there are several"""
    second: float
    first_n: int
    """the n of the table: iterations or readings, of all runs of the side together"""
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
    """about how many more repeats of each side would decide it"""
    holds_together: bool = True
    """whether the verdict also holds at a level that is right for all configurations together (Bonferroni)"""
    spread: float = 0.0
    """standard deviation from run to run that entered, as a share"""
    spread_runs: int = 0
    """earlier runs that this is from; 0: of the compared repeats themselves, else assumed"""


class ConfigurationComparison(msgspec.Struct, frozen=True, kw_only=True):
    batch_size: int
    input_len: int
    output_len: int
    gpu_weights_percent: float
    changes: tuple[Change, ...]
    requests: int = 0
    concurrency: int = 0

    @property
    def shape(self) -> Configuration:
        return configuration_of(self)

    @property
    def headline(self) -> Change | None:
        """The change that stands for the configuration; None when it was not compared."""
        wanted = _headline(self.shape).name
        return next((change for change in self.changes if change.metric == wanted), None)


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """The first side against one of the others."""

    first: str
    second: str
    fair: bool
    unfair_because: tuple[str, ...]
    """in sentences; empty when it is fair"""
    method: str
    """how the intervals were made, in a sentence"""
    configurations: tuple[ConfigurationComparison, ...]
    only_first: tuple[ConfigurationValues, ...] = ()
    only_second: tuple[ConfigurationValues, ...] = ()
    """configurations that one side alone measured"""

    def unmatched(self) -> Iterator[tuple[str, str]]:
        """Each side that measured configurations alone, with their names."""
        for side, alone in ((self.first, self.only_first), (self.second, self.only_second)):
            if alone:
                yield side, ", ".join(configuration_name(Configuration(*values)) for values in alone)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about two or more sides."""

    kind: Literal["comparison"] = "comparison"
    schema: int = SCHEMA
    level: float = LEVEL
    """confidence of the intervals, each on its own"""
    decision: float = DECISION
    """confidence that FASTER and SLOWER, BETTER and WORSE need"""
    threshold: float = THRESHOLD
    """changes below this share do not matter"""
    sides: tuple[SideSummary, ...]
    differences: tuple[Difference, ...]
    """what is not the same on all sides"""
    pairs: tuple[Pair, ...]
    across: tuple[Across, ...] = ()
    """of engines that measure unlike things: what they say about the same lengths, side by side"""


def compare(
    sides: Sequence[Side],
    *,
    metrics: Sequence[Metric] = COMPARED,
    threshold: float = THRESHOLD,
) -> Comparison:
    """Compare the first side with each of the others; what is said of a pair depends on these two alone.

    Args:
        sides: two or more, of `runner.compare.sides.sides`.
        metrics: what to compare, of each configuration that both sides measured.
        threshold: the share below which a change does not matter.
    """
    found = tuple(differences(sides))
    first, *others = sides
    earlier = Earlier()
    return Comparison(
        threshold=threshold,
        sides=tuple(_summary(side) for side in sides),
        differences=found,
        pairs=tuple(_pair(first, other, metrics, threshold, earlier) for other in others),
        across=across(sides),
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


def _pair(first: Side, second: Side, metrics: Sequence[Metric], threshold: float, earlier: Earlier) -> Pair:
    repeats = Repeats((*first.runs, *second.runs), earlier)
    shapes = [shape for shape in first.shapes if shape in second.shapes]
    against = reasons_against(first, second, differences((first, second)), shapes)
    matched = _matched(first, second)
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


def _matched(first: Side, second: Side) -> list[tuple[Run, Run]] | None:
    """Runs that were measured in the same pass of one sweep (A B A B), in pairs; None when they were not."""
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
    matched: list[tuple[Run, Run]] | None,
    together: float,
) -> Change | None:
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
    said = judge(metric, known_a, known_b, spread=spread, paired=paired, threshold=threshold)
    strict = judge(
        metric, known_a, known_b, spread=spread, paired=paired, threshold=threshold, decision=together
    )
    return Change(
        metric=metric.name,
        unit=metric.unit,
        first=middle([one.value for one in known_a]),
        second=middle([one.value for one in known_b]),
        first_n=_count(runs[0], shape, metric),
        second_n=_count(runs[1], shape, metric),
        change=said.change,
        low=said.low,
        high=said.high,
        verdict=said.verdict,
        why=said.why,
        repeats=said.repeats,
        holds_together=said.verdict == strict.verdict,
        spread=spread.deviation if alone or spread.runs else 0.0,
        spread_runs=spread.runs,
    )


def _measured(run: Run, shape: Configuration, metric: Metric, alone: bool) -> Measured | None:
    value = run.value(shape, metric.name)
    if value is None:
        return None
    # How well one run knows its number matters only where nothing else tells how it varies.
    return Measured(value, run.estimates.get(shape, {}).get(metric) if alone else None)


def _count(runs: Sequence[Run], shape: Configuration, metric: Metric) -> int:
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
        f"{within}which is not known here and assumed to be as large as that of single iterations, at least"
        f" {100 * ASSUMED_SPREAD:g} % (here {100 * largest:.1f} %); repeating both (`run --repeat 5`) tells"
    )


def worse(comparison: Comparison, names: Sequence[str]) -> list[Change]:
    """Changes of these metrics that are SLOWER or WORSE at a level that is right for all of them together."""
    return [
        change
        for change in _changes(comparison, names)
        if change.verdict in ("SLOWER", "WORSE") and change.holds_together
    ]


def undecided(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """What could not be told of these metrics; also pairs that have nothing to compare."""
    found = [
        f"{change.metric}: {change.why}"
        for change in _changes(comparison, names)
        if change.verdict in ("INCONCLUSIVE", "NOT JUDGED")
    ]
    return found + [
        f"{pair.first} and {pair.second} have nothing in common"
        for pair in comparison.pairs
        if not any(configuration.changes for configuration in pair.configurations)
    ]


def _changes(comparison: Comparison, names: Sequence[str]) -> list[Change]:
    return [
        change
        for pair in comparison.pairs
        for configuration in pair.configurations
        for change in configuration.changes
        if change.metric in names
    ]
