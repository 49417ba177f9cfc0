"""A comparison as text: the answer, sides, differences, bars with intervals, then the numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

from runner.compare.across_engines import across_lines
from runner.compare.answer import (
    answer_pair,
    bar_labels,
    bar_limit,
    bar_lines,
    bars_title,
    draw_bar,
    no_difference,
    scale_line,
    warning_sentences,
)
from runner.compare.comparison import Comparison, ConfigurationComparison, MetricChange, Pair
from runner.metrics import BY_NAME
from runner.report.result_table import configuration_name
from runner.util.formatting import format_number

NOTHING = "the sides have no compared metric in common"
VALUE = 12
CHANGE = 10
INTERVAL = 24
VERDICT = 12
BAR, MOST_BAR = 21, 61


@dataclass(frozen=True)
class _Layout:
    """Columns of the table for a width: units and values of both sides only if they fit."""

    width: int

    @property
    def values(self) -> bool:
        return self.width >= 100

    @property
    def name(self) -> int:
        return 40 if self.width >= 112 else 28

    @property
    def units(self) -> bool:
        return self.name == 40

    @property
    def table(self) -> int:
        return self.name + 2 * VALUE * self.values + CHANGE + 2 + INTERVAL + VERDICT

    def wrapped(self, text: str, indent: str = "  ") -> list[str]:
        return textwrap.wrap(
            text, max(40, self.width), initial_indent=indent, subsequent_indent=" " * (len(indent) + 2)
        )


def as_text(comparison: Comparison, width: int = 112) -> str:
    """Return the comparison in lines of about `width` columns; below 100, without values."""
    return "\n".join(_lines(comparison, _Layout(width))) + "\n"


def _lines(comparison: Comparison, layout: _Layout) -> Iterator[str]:
    for pair in comparison.pairs:
        yield from layout.wrapped(answer_pair(comparison, pair).sentence, "")
        for sentence in warning_sentences(comparison, pair):
            yield from layout.wrapped(sentence, "! ")
    yield ""
    for side in comparison.sides:
        several = f"{len(side.runs)} runs: " if len(side.runs) > 1 else ""
        yield f"{side.label}  {side.profile} · {side.summary}"
        yield from layout.wrapped(f"{several}{', '.join(side.runs)}", "   ")
    yield ""
    yield from _differences(comparison)
    for pair in comparison.pairs:
        yield ""
        yield from _pair(comparison, pair, layout)
    if comparison.across:
        yield ""
        labels = [side.label for side in comparison.sides]
        yield from across_lines(comparison.across, labels, [side.engine for side in comparison.sides])


def _differences(comparison: Comparison) -> Iterator[str]:
    if not comparison.differences:
        yield no_difference(comparison)
        return
    yield "what differs"
    rows = [["", *(side.label for side in comparison.sides)]]
    rows += [[one.name, *(_shortened(value) for value in one.values)] for one in comparison.differences]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _shortened(value: str) -> str:
    one_line = " ".join(value.split())
    return one_line if len(one_line) <= 60 else f"{one_line[:59]}…"


def _pair(comparison: Comparison, pair: Pair, layout: _Layout) -> Iterator[str]:
    yield f"{pair.first} → {pair.second}: " + (
        "comparable, as far as known" if pair.fair else "not comparable"
    )
    for reason in pair.unfair_because:
        yield from layout.wrapped(reason, "  ! ")
    for note in pair.notes:
        yield from layout.wrapped(note, "  · ")
    if pair.method:
        yield from layout.wrapped(pair.method)
    if not pair.configurations:
        instead = "they are side by side below" if comparison.across else "there is nothing to compare"
        yield f"  {pair.first} and {pair.second} have no configuration in common: {instead}"
    yield from _bars(comparison, pair, layout)
    for configuration in pair.configurations:
        yield ""
        yield from _configuration(comparison, pair, configuration, layout)
    for label, names in pair.unmatched():
        yield from layout.wrapped(f"only {label} measured {names}", "")
    if len(pair.configurations) > 1:
        yield ""
        yield from layout.wrapped(_multiple_comparisons(comparison), "")


def _bars(comparison: Comparison, pair: Pair, layout: _Layout) -> Iterator[str]:
    """Yield the changes as bars with their intervals, on one scale."""
    lines = bar_lines(pair)
    if not lines:
        return
    labels = bar_labels(lines)
    limit, name = bar_limit(lines), max(map(len, labels))
    size = max(BAR, min(MOST_BAR, layout.width - name - CHANGE - VERDICT - 4))
    yield ""
    yield bars_title(pair, lines, comparison.level)
    for label, line in zip(labels, lines, strict=True):
        bar = f"  {label:<{name}}  {draw_bar(line, limit, size)}"
        yield f"{bar}{_share(line.change.change):>{CHANGE}}  {line.change.verdict or ''}".rstrip()
    yield f"  {'':<{name}}  {scale_line(limit, size)}".rstrip()


def _configuration(
    comparison: Comparison, pair: Pair, configuration: ConfigurationComparison, layout: _Layout
) -> Iterator[str]:
    yield configuration_name(configuration.shape)
    if not configuration.changes:
        yield f"  {NOTHING}"
        return
    values = f"{pair.first:>{VALUE}}{pair.second:>{VALUE}}" if layout.values else ""
    level = f"{100 * comparison.level:g} % interval"
    yield f"{'metric':<{layout.name}}{values}{'change':>{CHANGE}}  {level:<{INTERVAL}}verdict"
    yield "─" * layout.table
    about: dict[str, list[str]] = {}
    for change in configuration.changes:
        yield _change(change, layout)
    if sentence := configuration.ceiling_sentence(pair.first, pair.second):
        yield from layout.wrapped(sentence)
    for change in configuration.changes:
        if change.why:
            about.setdefault(change.why, []).append(BY_NAME[change.metric].title)
    for why, titles in about.items():
        yield from layout.wrapped(f"{'; '.join(titles)}: {why}")


def _change(change: MetricChange, layout: _Layout) -> str:
    metric = BY_NAME[change.metric]
    label = metric.with_unit if layout.units else metric.title
    sides = (change.first, change.second) if layout.values else ()
    values = "".join(f" {format_number(value, metric.digits):>{VALUE - 1}}" for value in sides)
    interval = change.interval_text(_share)
    share, verdict = _share(change.change), change.verdict or ""
    return f"{label:<{layout.name}}{values}{share:>{CHANGE}}  {interval:<{INTERVAL}}{verdict}".rstrip()


def _share(share: float | None) -> str:
    if share is None or isnan(share):
        return "?"
    if share > 10:
        return "> +1000 %"
    percent = 100 * share
    return f"{percent:+.0f} %" if abs(percent) >= 99.995 else f"{percent:+.2f} %"


def _multiple_comparisons(comparison: Comparison) -> str:
    return (
        f"The verdicts hold together: with a probability of {100 * (1 - comparison.family):g} % none of all"
        " FASTER and SLOWER of this comparison is chance (Holm)."
    )
