"""A comparison as rows: every change with its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan

from runner.compare import Comparison, MetricChange, Pair, Verdict
from runner.compare.across_engines import across_lines
from runner.metrics import BY_NAME
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_name
from tui.framework.picker import PickerLine
from tui.framework.rows import Row, Span, cut, dim, row
from tui.text import align_right, fit, format_measurement, plain_text, shorten, width_of, wrap

VERDICTS: dict[Verdict, Span] = {
    "FASTER": Span("▲ FASTER", "good"),
    "BETTER": Span("▲ BETTER", "good"),
    "SLOWER": Span("▼ SLOWER", "bad"),
    "WORSE": Span("▼ WORSE", "bad"),
    "SAME": Span("= SAME"),
    "INCONCLUSIVE": Span("? INCONCLUSIVE", "warn"),
    "NOT JUDGED": Span("– NOT JUDGED", "dim"),
}
VALUE, CHANGE, VERDICT = 8, 9, 16
MAX_SHARE = 10.0
"""Larger changes are shown as `>+1000 %`."""
MIN_LABEL = 21
"""least cells of a metric name when not all pairs fit"""
WIDE = 100
"""From this width on intervals have two digits."""


@dataclass(frozen=True)
class ComparedMetric:
    """One metric of one configuration, on all sides."""

    shape: Configuration
    metric: str
    changes: tuple[MetricChange | None, ...]
    """from the first side to each of the others; None: not comparable"""


@dataclass(frozen=True)
class CompareView:
    """A comparison and its selected side."""

    comparison: Comparison
    lines: tuple[ComparedMetric, ...]
    side: int = 1
    """index of the selected side; the pair is the first side and this one (the second for index 0)"""

    @property
    def pair(self) -> int:
        return max(0, self.side - 1)

    def move_side(self, by: int) -> CompareView:
        """Return the view with the next or previous side selected."""
        return replace(self, side=max(0, min(self.side + by, len(self.comparison.sides) - 1)))


def make_compare_view(comparison: Comparison) -> CompareView:
    """Return the metrics of all configurations that any pair has, in the order of measurement."""
    found: dict[tuple[Configuration, str], list[MetricChange | None]] = {}
    empty: list[MetricChange | None] = [None] * len(comparison.pairs)
    for number, pair in enumerate(comparison.pairs):
        for configuration in pair.configurations:
            for change in configuration.changes:
                key = (configuration.shape, change.metric)
                found.setdefault(key, list(empty))[number] = change
    shapes = list(dict.fromkeys(shape for shape, _ in found))
    return CompareView(
        comparison,
        tuple(
            ComparedMetric(shape, metric, tuple(changes))
            for wanted in shapes
            for (shape, metric), changes in found.items()
            if shape == wanted
        ),
    )


# --- the numbers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CompareColumns:
    """Widths of the columns, and the pairs that fit; metric names are cut last."""

    label: int
    pairs: range
    value: int
    """cells of a number; 0: only the change is shown"""
    interval: int
    """cells of an interval; 0: shown only in the line below the table"""


def layout_columns(view: CompareView, width: int) -> CompareColumns:
    """Compute the columns of the table; the selected pair is always visible."""
    longest = max((width_of(_metric_name(line.metric)) for line in view.lines), default=MIN_LABEL) + 3
    count = len(view.comparison.pairs)
    if count == 1:
        room = width - CHANGE - VERDICT
        interval = 22 if width >= WIDE else 14
        for value, interval_cells in ((VALUE, interval), (VALUE, 0)):
            if room - 2 * value - interval_cells >= longest:
                return CompareColumns(longest, range(1), value, interval_cells)
        return CompareColumns(min(longest, room), range(1), 0, 0)
    value = VALUE if width >= MIN_LABEL + 2 * VALUE + CHANGE + VERDICT else 0
    pair = value + CHANGE + VERDICT
    fitting = max(1, min(count, (width - MIN_LABEL - value) // pair))
    first = max(0, min(view.pair - fitting + 1, count - fitting))
    label = max(MIN_LABEL, min(longest, width - value - fitting * pair))
    return CompareColumns(label, range(first, first + fitting), value, 0)


def _metric_name(metric: str) -> str:
    """Return `latency, mean, ms`; the title of a rate already contains the unit."""
    found = BY_NAME[metric]
    return found.title if found.unit.replace("/s", " per second") in found.title else found.with_unit


def draw_heading(view: CompareView, width: int, height: int) -> list[Row]:
    """Draw the column names, which do not scroll."""
    sides = view.comparison.sides
    columns = layout_columns(view, width)
    in_view = columns.pairs
    before = "  ←" if in_view.start else ""
    spans: list[str | Span] = [dim(fit(f"metric{before}", columns.label))]
    spans.append(dim(align_right(sides[0].label, columns.value) if columns.value else ""))
    for pair in in_view:
        style = "accent" if pair + 1 == view.side and len(sides) > 2 else "dim"
        side = align_right(sides[pair + 1].label, columns.value) if columns.value else ""
        spans.append(Span(side + align_right("change", CHANGE), style))
        if columns.interval:
            level = f"{100 * view.comparison.level:g} % interval"
            spans.append(dim(align_right(level if width >= WIDE else "interval", columns.interval)))
        more = "  →" if pair + 1 == in_view.stop < len(sides) - 1 else ""
        spans.append(dim(fit(f"  verdict{more}", VERDICT)))
    return [cut(row(*spans), width)]


def table_lines(view: CompareView, width: int) -> list[PickerLine]:
    """Return all lines below the heading: configurations with their metrics, then notes."""
    drawn: list[PickerLine] = []
    shape: Configuration | None = None
    columns = layout_columns(view, width)
    for number, line in enumerate(view.lines):
        if line.shape != shape:
            shape = line.shape
            drawn += [PickerLine(())] if drawn else []
            drawn.append(PickerLine(cut(row(Span(configuration_name(shape), "title")), width)))
        drawn.append(PickerLine(_draw_line(line, columns, width), number))
    comparison = view.comparison
    if not view.lines:
        reason = (
            "no configuration in common: the numbers are listed side by side, without a verdict"
            if comparison.across
            else "no configuration in common: nothing to compare"
        )
        drawn += [PickerLine(row(text)) for text in wrap(reason, max(10, width))]
    if comparison.across:
        labels, engines = zip(*((side.label, side.engine) for side in comparison.sides), strict=True)
        drawn.append(PickerLine(()))
        for text in across_lines(comparison.across, labels, engines):
            drawn.append(PickerLine(cut(row(plain_text(text)), width)))
    for note in _notes(view):
        drawn.append(PickerLine(()))
        drawn += [PickerLine(row(dim(text))) for text in wrap(note, max(10, width))]
    return drawn


def _notes(view: CompareView) -> Iterator[str]:
    for pair in view.comparison.pairs:
        for label, names in pair.unmatched():
            yield f"only {label} of {pair.first} and {pair.second} measured {names}"
    if len({line.shape for line in view.lines}) > 1:
        yield (
            f"The verdicts hold together: with a probability of {100 * (1 - view.comparison.family):g} %"
            " none of all FASTER and SLOWER of this comparison is chance."
        )


def _draw_line(line: ComparedMetric, columns: CompareColumns, width: int) -> Row:
    first = next(change for change in line.changes if change is not None).first
    spans: list[str | Span] = [
        fit(f"  {shorten(_metric_name(line.metric), columns.label - 3)}", columns.label)
    ]
    spans.append(align_right(format_measurement(first), columns.value) if columns.value else "")
    for pair in columns.pairs:
        change = line.changes[pair]
        if change is None:
            spans.append(
                dim(fit(align_right("–", columns.value or CHANGE), columns.value + CHANGE + VERDICT))
            )
            continue
        spans.append(align_right(format_measurement(change.second), columns.value) if columns.value else "")
        spans.append(align_right(format_share(change.change), CHANGE))
        if columns.interval:
            spans.append(
                dim(align_right(format_interval(change, 2 if width >= WIDE else 1), columns.interval))
            )
        verdict = VERDICTS[change.verdict] if change.verdict else Span("")
        spans.append(Span(fit(f"  {verdict.text}", VERDICT), verdict.style))
    return cut(row(*spans), width)


def format_share(share: float | None) -> str:
    """Format as `+2.3 %`: two digits below 10 %, none from 100 % on; a question mark if unknown."""
    if share is None or isnan(share):
        return "?"
    if share >= MAX_SHARE:
        return f">+{100 * MAX_SHARE:.0f} %"
    size = abs(100 * share)
    return f"{100 * share:+.{2 if size < 10 else 1 if size < 100 else 0}f} %"


def format_interval(change: MetricChange, digits: int = 2) -> str:
    """Format as `-3.1 … +0.2 %`; empty without an interval."""
    if change.verdict == "NOT JUDGED":
        return ""
    if change.low is None and change.high is None:
        return "not bounded"
    low, high = (_bound(share, digits) for share in (change.low, change.high))
    gap = " " if digits > 1 else ""
    return f"{low}{gap}…{gap}{high} %"


def _bound(share: float | None, digits: int) -> str:
    if share is None:
        return "?"
    if share >= MAX_SHARE:
        return f">+{100 * MAX_SHARE:.0f}"
    whole = 1.0 if digits > 1 else 0.1
    return f"{100 * share:+.{digits if abs(share) < whole else 0}f}"


# --- the selected number -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChosenChange:
    """The selected line of the table, for the selected side."""

    view: CompareView
    line: ComparedMetric

    @property
    def change(self) -> MetricChange | None:
        return self.line.changes[self.view.pair]

    @property
    def pair(self) -> Pair:
        return self.view.comparison.pairs[self.view.pair]


def draw_chosen(chosen: ChosenChange | tuple[()], width: int, height: int) -> list[Row]:
    """Draw the selected change in a sentence, and the reasons for its verdict."""
    if not isinstance(chosen, ChosenChange):
        return []
    metric, change, pair = BY_NAME[chosen.line.metric], chosen.change, chosen.pair
    if change is None:
        return [cut(row(dim(f"{pair.first} and {pair.second} did not both measure {metric.title}")), width)]
    bounds = format_interval(change)
    text = f"{metric.title}, {pair.first} → {pair.second}: {format_share(change.change)}"
    if not layout_columns(chosen.view, width).value:
        first, second = format_measurement(change.first), format_measurement(change.second)
        text += f", {first} → {second} {metric.unit}".rstrip()
    text += f", {100 * chosen.view.comparison.level:g} % interval {bounds}" if bounds else ""
    text += f", n {change.first_n} and {change.second_n}"
    drawn = [row(line) for line in wrap(text, max(10, width))]
    drawn += [
        row(dim(line)) for line in wrap("; ".join(verdict_reasons(chosen, change)), max(10, width)) if line
    ]
    return drawn[:height] if height else drawn


def verdict_reasons(chosen: ChosenChange, change: MetricChange) -> list[str]:
    """Return the reasons for the verdict of a change, as sentences."""
    reasons = [change.why] if change.why else []
    if change.spread:
        earlier = f"in {change.spread_runs} earlier runs" if change.spread_runs else "in the compared runs"
        source = "assumed" if change.assumed else earlier
        reasons.append(f"variation: {100 * change.spread:.2f} % {source}")
    return reasons


def verdict_meanings(comparison: Comparison) -> Sequence[tuple[str, str]]:
    """Explain every verdict with the bounds of this comparison."""
    threshold = f"{100 * comparison.threshold:g} %"
    decision = f"{100 * comparison.decision:g} %"
    level = f"{100 * comparison.level:g} %"
    sure = f"the change is {threshold} or more, and its {decision} interval excludes zero"
    return (
        ("▲ FASTER", f"{sure}; ▲ BETTER of memory and energy"),
        ("▼ SLOWER", f"the same the other way; ▼ WORSE of memory and energy; {sure}"),
        ("= SAME", f"the whole {level} interval is within {threshold}: no change that matters"),
        ("? INCONCLUSIVE", "not decidable; the line below the table says what would decide it"),
        ("– NOT JUDGED", "not comparable, or the uncertainty of a number is unknown"),
        ("interval", f"range of the true change with {level} confidence, including run-to-run variation"),
    )
