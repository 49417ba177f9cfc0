"""The answer of a comparison in one sentence, and its changes as bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from runner.compare.comparison import Comparison, ConfigurationComparison, MetricChange, Pair
from runner.compare.verdict import Verdict
from runner.metrics import BY_NAME, JOULES_PER_TOKEN, TIME_PER_OUTPUT_TOKEN
from runner.metrics.request_latency import TTFT
from runner.report.result_table import configuration_name
from runner.util.formatting import format_number, plural

Outcome = Literal["better", "worse", "same", "mixed", "inconclusive", "none"]
"""`mixed`: better in some configurations and worse in others; `none`: no verdict is possible"""

_WORDS: dict[Verdict, str] = {
    "FASTER": "faster than", "BETTER": "better than", "SLOWER": "slower than", "WORSE": "worse than",
    "SAME": "the same as",
}  # fmt: skip
_OUTCOMES: dict[Verdict, Outcome] = {
    "FASTER": "better", "BETTER": "better", "SLOWER": "worse", "WORSE": "worse", "SAME": "same",
    "INCONCLUSIVE": "inconclusive", "NOT JUDGED": "none",
}  # fmt: skip
_ORDER: tuple[Verdict, ...] = ("FASTER", "BETTER", "SLOWER", "WORSE", "SAME", "INCONCLUSIVE", "NOT JUDGED")
_ALSO = ("prefill_time_ms", TTFT.name, TIME_PER_OUTPUT_TOKEN.name, JOULES_PER_TOKEN.name)
"""The metrics that get a bar besides the main one, if there is one configuration only."""
_LIMITS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Ends of the scale of bars; larger changes are cut."""


@dataclass(frozen=True)
class Answer:
    """What a pair says about its second side."""

    outcome: Outcome
    sentence: str


def answer_pair(comparison: Comparison, pair: Pair) -> Answer:
    """Return the answer of one pair, about the main metric of its configurations."""
    first, second = pair.first, pair.second
    if not pair.fair:
        more = len(pair.unfair_because) - 1
        reasons = pair.unfair_because[0] + (f", and {plural(more, 'more reason')}" if more else "")
        return Answer("none", f"{first} and {second} are not comparable: {reasons}.")
    found = [(one, one.headline) for one in pair.configurations]
    judged = [(one, change) for one, change in found if change is not None and change.verdict is not None]
    if not judged:
        what = "main metric" if pair.configurations else "configuration"
        return Answer("none", f"{first} and {second} have no {what} in common: there is nothing to compare.")
    if len(judged) == 1:
        return _answer_one(comparison, pair, *judged[0])
    return _answer_several(comparison, pair, [change for _, change in judged])


def _answer_one(
    comparison: Comparison, pair: Pair, configuration: ConfigurationComparison, change: MetricChange
) -> Answer:
    verdict = change.verdict
    assert verdict is not None
    measured = f"{BY_NAME[change.metric].title} {percent(change.change)}"
    if change.low is not None and change.high is not None:
        level = f"{100 * comparison.level:g} % interval"
        measured += f", {level} {percent(change.low)} to {percent(change.high)}"
    where = f" in {configuration_name(configuration.shape)}" if len(pair.configurations) > 1 else ""
    if verdict in _WORDS:
        return Answer(
            _OUTCOMES[verdict], f"{pair.second} is {_WORDS[verdict]} {pair.first}{where}: {measured}."
        )
    why = f"; {change.why}" if change.why else ""
    word = "Inconclusive" if verdict == "INCONCLUSIVE" else "No verdict"
    return Answer(_OUTCOMES[verdict], f"{word}{where}: {pair.second} against {pair.first}, {measured}{why}.")


def _answer_several(comparison: Comparison, pair: Pair, changes: Sequence[MetricChange]) -> Answer:
    total = len(changes)
    titles = " and ".join(dict.fromkeys(BY_NAME[change.metric].title for change in changes))
    parts: list[str] = []
    for verdict in _ORDER:
        alike = [change for change in changes if change.verdict == verdict]
        if not alike:
            continue
        where = f"all {total} configurations" if len(alike) == total else f"{len(alike)} of {total}"
        if not parts:
            where = where.replace(f"of {total}", f"of {plural(total, 'configuration')}")
        named = f"{_WORDS[verdict]} {pair.first}" if verdict in _WORDS else verdict.lower()
        parts.append(f"{named} in {where} ({'' if parts else f'{titles} '}{_range(alike)})")
    outcomes = {_OUTCOMES[change.verdict] for change in changes if change.verdict is not None}
    certain = outcomes - {"inconclusive", "none"}
    outcome: Outcome = next(iter(outcomes)) if len(outcomes) == 1 else "mixed"
    if outcome == "mixed" and len(certain - {"same"}) == 1:
        outcome = next(iter(certain - {"same"}))
    sentence = ", ".join(parts)
    if changes[0].verdict not in _WORDS and len(parts) == 1:
        return Answer(outcome, f"{pair.second} against {pair.first}: {sentence}.")
    return Answer(outcome, f"{pair.second} is {sentence}.")


def _range(changes: Sequence[MetricChange]) -> str:
    low, high = (pick(change.change for change in changes) for pick in (min, max))
    return percent(low) if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"


def warning_sentences(comparison: Comparison, pair: Pair) -> list[str]:
    """Return a sentence for each side of a pair that has serious warnings, with the worst of them."""
    return [
        f"{side.label} has {plural(len(side.warnings), 'serious warning')}"
        f"{', the worst' if len(side.warnings) > 1 else ''}: {side.warnings[0]}"
        for side in comparison.sides
        if side.warnings and side.label in (pair.first, pair.second)
    ]


def no_difference(comparison: Comparison) -> str:
    """Return what is known if no condition differs."""
    if all(side.states_machine for side in comparison.sides):
        return "no known difference: the same machine, software and profile"
    return "no known difference; an imported result does not state its machine and software"


def percent(share: float) -> str:
    """Format as `+2.3 %`; two decimals below 10 %."""
    size = abs(100 * share)
    return f"{100 * share:+.{2 if size < 10 else 1 if size < 100 else 0}f} %" if isfinite(share) else "?"


def worse_changes(comparison: Comparison, names: Sequence[str]) -> list[MetricChange]:
    """Return the changes of these metrics that are SLOWER or WORSE."""
    return [change for change in _changes(comparison, names) if change.verdict in ("SLOWER", "WORSE")]


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


# --- bars --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BarLine:
    """One change that gets a bar."""

    configuration: str
    metric: str
    change: MetricChange

    @property
    def title(self) -> str:
        return BY_NAME[self.metric].title

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval of the change; None: not known, or the change is not judged."""
        change = self.change
        if change.verdict == "NOT JUDGED" or change.low is None or change.high is None:
            return None
        return change.low, change.high


def bar_labels(lines: Sequence[BarLine]) -> list[str]:
    """Return what distinguishes the bars: configurations, and metrics if there are several."""
    if len({line.metric for line in lines}) == 1:
        return [line.configuration for line in lines]
    if len({line.configuration for line in lines}) == 1:
        return [line.title for line in lines]
    return [f"{line.configuration}  {line.title}" for line in lines]


def bars_title(pair: Pair, lines: Sequence[BarLine], level: float) -> str:
    """Return what all bars are: `latency, mean: change from A to B, 95 % intervals`."""
    titles, configurations = ({line.title for line in lines}, {line.configuration for line in lines})
    shared = titles if len(titles) == 1 else configurations if len(configurations) == 1 else set()
    what = f"{shared.pop()}: " if shared else ""
    return f"{what}change from {pair.first} to {pair.second}, {100 * level:g} % intervals"


def bar_lines(pair: Pair) -> list[BarLine]:
    """Return the changes to draw: the main metric of each configuration, of a single one also others."""
    alone = len(pair.configurations) == 1
    found = []
    for one in pair.configurations:
        main = one.headline
        others = [change for change in one.changes if alone and change.metric in _ALSO]
        for change in (main, *others):
            if change is not None and isfinite(change.change):
                found.append(BarLine(configuration_name(one.shape), change.metric, change))
    return found


def bar_limit(lines: Sequence[BarLine]) -> float:
    """Return the end of the common scale of bars, as a share: 0.2 is from -20 % to +20 %."""
    sizes = [
        abs(value)
        for line in lines
        for value in (line.change.change, *(line.bounds or ()))
        if isfinite(value)
    ]
    largest = max(sizes, default=0.0)
    return next((limit for limit in _LIMITS if limit >= largest), _LIMITS[-1])


def draw_bar(line: BarLine, limit: float, width: int) -> str:
    """Draw a bar from no change (`│`) to the change (`●`) with its interval (`━`) in `width` characters.

    What is outside of the scale is cut at its end, which then is `<` or `>`.
    """
    centre = (width - 1) // 2
    cells = [" "] * (2 * centre + 1)

    def at(share: float) -> int:
        return centre + round(max(-1.0, min(1.0, share / limit)) * centre)

    change = line.change.change
    place = at(change)
    for cell in range(min(centre, place), max(centre, place) + 1):
        cells[cell] = "█"
    ends = line.bounds or (change, change)
    if line.bounds is not None:
        for cell in range(at(ends[0]), at(ends[1]) + 1):
            cells[cell] = "━"
    cells[centre] = "│"
    cells[place] = "●"
    if min(change, *ends) < -limit:
        cells[0] = "<"
    if max(change, *ends) > limit:
        cells[-1] = ">"
    return "".join(cells)


def scale_line(limit: float, width: int) -> str:
    """Return the labels below bars of this width: both ends and no change."""
    centre = (width - 1) // 2
    low, high = f"-{format_number(100 * limit)} %", f"+{format_number(100 * limit)} %"
    line = low.ljust(centre) + "0" if len(low) < centre else " " * centre + "0"
    return line + high.rjust(centre) if len(high) < centre else line
