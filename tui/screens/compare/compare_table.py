"""A comparison as rows: who is compared, what differs, is it fair, and every change with its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan

from runner.compare import Change, Comparison, Pair, Verdict
from runner.compare.across_engines import across_lines
from runner.metrics import BY_NAME
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_name
from tui.framework.picker import Line
from tui.framework.rows import Row, Span, cut, dim, row
from tui.text import fit, measure, plain, right, shorten, width_of, wrap

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
MOST = 10.0
"""A change that is more than this many times as large says nothing more by its digits."""
LEAST_LABEL = 21
"""cells for the name of a metric, where there are more pairs than fit"""
WIDE = 100
"""From this width on there is room for two digits of an interval."""


@dataclass(frozen=True)
class MetricLine:
    """One metric of one configuration, on all sides."""

    shape: Configuration
    metric: str
    changes: tuple[Change | None, ...]
    """from the first side to each of the others; None: it cannot be compared"""


@dataclass(frozen=True)
class View:
    """A comparison, and which side of it is looked at."""

    comparison: Comparison
    lines: tuple[MetricLine, ...]
    side: int = 1
    """index into the sides; the numbers of a pair are of this one, of the second where it is the first"""

    @property
    def pair(self) -> int:
        return max(0, self.side - 1)

    def moved(self, by: int) -> View:
        return replace(self, side=max(0, min(self.side + by, len(self.comparison.sides) - 1)))


def view_of(comparison: Comparison) -> View:
    """The lines of a comparison: every configuration that any pair has, in the order of measuring."""
    found: dict[tuple[Configuration, str], list[Change | None]] = {}
    empty: list[Change | None] = [None] * len(comparison.pairs)
    for number, pair in enumerate(comparison.pairs):
        for configuration in pair.configurations:
            for change in configuration.changes:
                key = (configuration.shape, change.metric)
                found.setdefault(key, list(empty))[number] = change
    shapes = list(dict.fromkeys(shape for shape, _ in found))
    return View(
        comparison,
        tuple(
            MetricLine(shape, metric, tuple(changes))
            for wanted in shapes
            for (shape, metric), changes in found.items()
            if shape == wanted
        ),
    )


# --- who, and is it fair -----------------------------------------------------------------------------------


def draw_sides(view: View, width: int, height: int) -> list[Row]:
    """A line a side; the one that is looked at stands out."""
    drawn = []
    for index, side in enumerate(view.comparison.sides):
        style = "accent" if index == view.side else "dim"
        several = f"{len(side.runs)} runs: " if len(side.runs) > 1 else ""
        label = Span(f"{'▸' if index == view.side else ' '} {side.label}  ", style)
        drawn.append(
            cut(
                row(
                    label,
                    Span(plain(side.profile), "strong"),
                    dim(f"  {several}{plain(', '.join(side.runs))}  {plain(side.summary)}"),
                ),
                width,
            )
        )
    return drawn


def draw_fairness(view: View, width: int, height: int) -> list[Row]:
    """Whether the pair that is looked at is fair, why not, and how its intervals were made."""
    pair = view.comparison.pairs[view.pair]
    names = f"{pair.first} → {pair.second}"
    drawn: list[Row] = []
    if pair.fair:
        said = row(Span("✔ ", "good"), f"{names}: a fair comparison, as far as can be seen")
        drawn.append(cut(said, width))
    else:
        said = row(Span("✖ NOT FAIR ", "bad"), f"{names}: read the numbers with that in mind")
        drawn.append(cut(said, width))
        for reason in pair.unfair_because:
            for number, line in enumerate(wrap(plain(reason), max(10, width - 2))):
                drawn.append(row(Span("  " if number else "▸ ", "warn"), line))
    if width >= WIDE:  # else it is behind `?`
        drawn += [row(dim(line)) for line in wrap(pair.method, width) if line]
    return drawn


def draw_differences(view: View, width: int, height: int) -> list[Row]:
    """What is not the same on all sides, a column a side; what makes it unfair first."""
    differences = view.comparison.differences
    if not differences:
        return [cut(row(dim("nothing that is known of them: the same machine, software and profile")), width)]
    name = min(max(len(one.name) for one in differences), max(12, width // 3))
    share = max(4, (width - name - 4) // len(view.comparison.sides) - 2)
    drawn = []
    for one in differences:
        mark = Span("✖ ", "bad") if one.kind == "unfair" else dim("· ")
        values = [fit(plain(" ".join(value.split())), share) for value in one.values]
        drawn.append(cut(row(mark, dim(fit(one.name, name)), "  ", "  ".join(values)), width))
    return drawn


# --- the numbers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Columns:
    """What fits beside the names of the metrics, which are there whole as far as that goes."""

    label: int
    pairs: range
    value: int
    """cells of a number; 0: without room only its change stands there"""
    interval: int
    """cells; 0: it stands in the line below the table alone"""


def columns_of(view: View, width: int) -> Columns:
    """The columns of the table; the pair that is looked at is among them."""
    wanted = max((width_of(_name(line.metric)) for line in view.lines), default=0) + 3
    count = len(view.comparison.pairs)
    if count == 1:
        room = width - CHANGE - VERDICT
        interval = 22 if width >= WIDE else 14
        for value, beside in ((VALUE, interval), (VALUE, 0)):
            if room - 2 * value - beside >= wanted:
                return Columns(wanted, range(1), value, beside)
        return Columns(min(wanted, room), range(1), 0, 0)
    value = VALUE if width >= LEAST_LABEL + 2 * VALUE + CHANGE + VERDICT else 0
    pair = value + CHANGE + VERDICT
    fitting = max(1, min(count, (width - LEAST_LABEL - value) // pair))
    first = max(0, min(view.pair - fitting + 1, count - fitting))
    label = max(LEAST_LABEL, min(wanted, width - value - fitting * pair))
    return Columns(label, range(first, first + fitting), value, 0)


def _name(metric: str) -> str:
    """`latency, mean, ms`; of a rate the title says the unit."""
    found = BY_NAME[metric]
    return found.title if found.unit.replace("/s", " per second") in found.title else found.with_unit


def draw_heading(view: View, width: int, height: int) -> list[Row]:
    """The names of the columns; it does not scroll."""
    sides = view.comparison.sides
    columns = columns_of(view, width)
    in_view = columns.pairs
    before = "  ←" if in_view.start else ""
    spans: list[str | Span] = [dim(fit(f"metric{before}", columns.label))]
    spans.append(dim(right(sides[0].label, columns.value) if columns.value else ""))
    for pair in in_view:
        style = "accent" if pair + 1 == view.side and len(sides) > 2 else "dim"
        side = right(sides[pair + 1].label, columns.value) if columns.value else ""
        spans.append(Span(side + right("change", CHANGE), style))
        if columns.interval:
            level = f"{100 * view.comparison.level:g} % interval"
            spans.append(dim(right(level if width >= WIDE else "interval", columns.interval)))
        more = "  →" if pair + 1 == in_view.stop < len(sides) - 1 else ""
        spans.append(dim(fit(f"  verdict{more}", VERDICT)))
    return [cut(row(*spans), width)]


def lines_of(view: View, width: int) -> list[Line]:
    """All lines below the heading: configurations with their metrics, and what else is to be said."""
    drawn: list[Line] = []
    shape: Configuration | None = None
    columns = columns_of(view, width)
    for number, line in enumerate(view.lines):
        if line.shape != shape:
            shape = line.shape
            drawn += [Line(())] if drawn else []
            drawn.append(Line(cut(row(Span(configuration_name(shape), "title")), width)))
        drawn.append(Line(_draw_line(line, columns, width), number))
    comparison = view.comparison
    if not view.lines:
        said = (
            "no configuration is equal: side by side stands what they say, without a verdict"
            if comparison.across
            else "they have no configuration in common: there is nothing to compare"
        )
        drawn += [Line(row(text)) for text in wrap(said, max(10, width))]
    if comparison.across:
        labels, engines = zip(*((side.label, side.engine) for side in comparison.sides), strict=True)
        drawn.append(Line(()))
        for text in across_lines(comparison.across, labels, engines):
            drawn.append(Line(cut(row(plain(text)), width)))
    for note in _notes(view):
        drawn.append(Line(()))
        drawn += [Line(row(dim(text))) for text in wrap(note, max(10, width))]
    return drawn


def _notes(view: View) -> Iterator[str]:
    for pair in view.comparison.pairs:
        for label, names in pair.unmatched():
            yield f"only {label} of {pair.first} and {pair.second} measured {names}"
    if len({line.shape for line in view.lines}) > 1:
        chance = round(1 / (1 - view.comparison.decision))
        yield (
            f"Each change is judged on its own: about 1 in {chance} can be chance. The line below the table"
            " says which verdicts also hold for all configurations together."
        )


def _draw_line(line: MetricLine, columns: Columns, width: int) -> Row:
    first = next(change for change in line.changes if change is not None).first
    spans: list[str | Span] = [fit(f"  {shorten(_name(line.metric), columns.label - 3)}", columns.label)]
    spans.append(right(measure(first), columns.value) if columns.value else "")
    for pair in columns.pairs:
        change = line.changes[pair]
        if change is None:
            spans.append(dim(fit(right("–", columns.value or CHANGE), columns.value + CHANGE + VERDICT)))
            continue
        spans.append(right(measure(change.second), columns.value) if columns.value else "")
        spans.append(right(percent(change.change), CHANGE))
        if columns.interval:
            spans.append(dim(right(interval(change, 2 if width >= WIDE else 1), columns.interval)))
        verdict = VERDICTS[change.verdict] if change.verdict else Span("")
        spans.append(Span(fit(f"  {verdict.text}", VERDICT), verdict.style))
    return cut(row(*spans), width)


def percent(share: float | None) -> str:
    """`+2.3 %`: two digits below 10 %, none from 100 % on; a question mark where it is not known."""
    if share is None or isnan(share):
        return "?"
    if share >= MOST:
        return f">+{100 * MOST:.0f} %"
    size = abs(100 * share)
    return f"{100 * share:+.{2 if size < 10 else 1 if size < 100 else 0}f} %"


def interval(change: Change, digits: int = 2) -> str:
    """`-3.1 … +0.2 %`; nothing where none was made."""
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
    if share >= MOST:
        return f">+{100 * MOST:.0f}"
    whole = 1.0 if digits > 1 else 0.1
    return f"{100 * share:+.{digits if abs(share) < whole else 0}f}"


# --- the chosen number -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """One line of the table, looked at from one side."""

    view: View
    line: MetricLine

    @property
    def change(self) -> Change | None:
        return self.line.changes[self.view.pair]

    @property
    def pair(self) -> Pair:
        return self.view.comparison.pairs[self.view.pair]


def draw_chosen(chosen: Chosen | tuple[()], width: int, height: int) -> list[Row]:
    """The chosen change in a sentence, and what its verdict rests on."""
    if not isinstance(chosen, Chosen):
        return []
    metric, change, pair = BY_NAME[chosen.line.metric], chosen.change, chosen.pair
    if change is None:
        return [cut(row(dim(f"{pair.first} and {pair.second} did not both measure {metric.title}")), width)]
    bounds = interval(change)
    said = f"{metric.title}, {pair.first} → {pair.second}: {percent(change.change)}"
    if not columns_of(chosen.view, width).value:
        said += f", {measure(change.first)} → {measure(change.second)} {metric.unit}".rstrip()
    said += f", {100 * chosen.view.comparison.level:g} % interval {bounds}" if bounds else ""
    said += f", n {change.first_n} and {change.second_n}"
    drawn = [row(line) for line in wrap(said, max(10, width))]
    drawn += [row(dim(line)) for line in wrap("; ".join(reasons(chosen, change)), max(10, width)) if line]
    return drawn[:height] if height else drawn


def reasons(chosen: Chosen, change: Change) -> list[str]:
    """What the verdict of a change rests on, in sentences."""
    said = [change.why] if change.why else []
    several = len({line.shape for line in chosen.view.lines}) > 1
    if several and change.verdict not in (None, "INCONCLUSIVE", "NOT JUDGED"):
        holds = "also holds" if change.holds_together else "may be chance: it does not hold"
        said.append(f"the verdict {holds} for all configurations together")
    if change.spread:
        source = f"in {change.spread_runs} earlier runs" if change.spread_runs else "assumed"
        said.append(f"variation from run to run: {100 * change.spread:.2f} % {source}")
    return said


def verdict_meanings(comparison: Comparison) -> Sequence[tuple[str, str]]:
    """Every verdict in words, with the bounds of this comparison."""
    threshold = f"{100 * comparison.threshold:g} %"
    decision = f"{100 * comparison.decision:g} %"
    level = f"{100 * comparison.level:g} %"
    sure = f"the change is {threshold} or more, and even its {decision} interval excludes no change"
    return (
        ("▲ FASTER", f"{sure}; ▲ BETTER of memory and energy"),
        ("▼ SLOWER", f"the same the other way; ▼ WORSE of memory and energy; {sure}"),
        ("= SAME", f"the whole {level} interval lies within {threshold}: no change that matters"),
        ("? INCONCLUSIVE", "neither can be told; the line below the table says what would decide it"),
        ("– NOT JUDGED", "nothing says how well one of the numbers is known, or it has no ratio"),
        ("interval", f"where the true change lies with {level} confidence, run-to-run variation included"),
    )
