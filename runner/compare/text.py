"""A comparison as text: who is compared, what differs, whether it is fair, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

from runner.compare.across import across_lines
from runner.compare.comparison import Change, Comparison, ConfigurationComparison, Pair
from runner.grid import shape_name
from runner.metrics import BY_NAME

NAME = 32
VALUE = 12
INTERVAL = 24


def as_text(comparison: Comparison) -> str:
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    for side in comparison.sides:
        several = f"{len(side.runs)} runs: " if len(side.runs) > 1 else ""
        yield f"{side.label}  {side.profile} · {side.summary}"
        yield f"   {several}{', '.join(side.runs)}"
    yield ""
    yield from _differences(comparison)
    for pair in comparison.pairs:
        yield ""
        yield from _pair(comparison, pair)
    if comparison.across:
        yield ""
        labels = [side.label for side in comparison.sides]
        yield from across_lines(comparison.across, labels, [side.engine for side in comparison.sides])


def _differences(comparison: Comparison) -> Iterator[str]:
    if not comparison.differences:
        yield "nothing that is known of them differs: the same machine, software and profile"
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


def _pair(comparison: Comparison, pair: Pair) -> Iterator[str]:
    yield f"{pair.first} → {pair.second}: " + (
        "fair, as far as can be seen" if pair.fair else "not a fair comparison"
    )
    yield from (f"  ! {reason}" for reason in pair.unfair_because)
    yield f"  {pair.method}"
    if not pair.configurations:
        yield f"  {pair.first} and {pair.second} have no configuration in common: there is nothing to compare"
    for configuration in pair.configurations:
        yield ""
        yield from _configuration(comparison, pair, configuration)
    for label, shapes in ((pair.first, pair.only_first), (pair.second, pair.only_second)):
        if shapes:
            yield f"only {label} measured {', '.join(shape_name(shape) for shape in shapes)}"
    if len(pair.configurations) > 1:
        yield ""
        yield _together(comparison, pair)


def _configuration(
    comparison: Comparison, pair: Pair, configuration: ConfigurationComparison
) -> Iterator[str]:
    yield shape_name(configuration.shape)
    head = f"{'metric':<{NAME}}{pair.first:>{VALUE}}{pair.second:>{VALUE}}{'change':>10}"
    yield f"{head}  {f'{_level(comparison)} interval':<{INTERVAL}}verdict"
    yield "─" * (NAME + 2 * VALUE + 10 + 2 + INTERVAL + 12)
    about: dict[str, list[str]] = {}
    for change in configuration.changes:
        yield _change(change)
        if change.why:
            about.setdefault(change.why, []).append(BY_NAME[change.metric].title)
    yield from (f"  {'; '.join(titles)}: {why}" for why, titles in about.items())


def _change(change: Change) -> str:
    metric = BY_NAME[change.metric]
    label = f"{metric.title}, {metric.unit}" if metric.unit else metric.title
    values = "".join(
        f"{f'{value:,.{metric.digits}f}'.replace(',', ' '):>{VALUE}}"
        for value in (change.first, change.second)
    )
    interval = f"{_share(change.low)} to {_share(change.high)}" if change.verdict != "NOT JUDGED" else ""
    line = f"{label:<{NAME}}{values}{_share(change.change):>10}  {interval:<{INTERVAL}}{change.verdict or ''}"
    return line.rstrip()


def _level(comparison: Comparison) -> str:
    return f"{100 * comparison.level:g} %"


def _share(share: float | None) -> str:
    if share is None or isnan(share):
        return "?"
    if share > 10:
        return "> +1000 %"
    percent = 100 * share
    return f"{percent:+.0f} %" if abs(percent) >= 99.995 else f"{percent:+.2f} %"


def _together(comparison: Comparison, pair: Pair) -> str:
    """What looking at many configurations does to chance."""
    count = len(pair.configurations)
    decided = [
        change
        for configuration in pair.configurations
        if (change := configuration.headline) and change.verdict not in (None, "INCONCLUSIVE", "NOT JUDGED")
    ]
    holding = sum(change.holds_together for change in decided)
    return (
        f"{count} configurations, each judged on its own: about 1 change in"
        f" {round(1 / (1 - comparison.decision))} can be chance. Of {len(decided)} verdicts on latency,"
        f" {holding} also hold for all configurations together."
    )
