"""A comparison as Markdown, for issues and pull requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.compare.across_engines import AcrossEngines, across_cell, means_note
from runner.compare.answer import answer_pair, warning_sentences
from runner.compare.comparison import Comparison, ConfigurationComparison, MetricChange, Pair
from runner.compare.comparison_text import NOTHING
from runner.metrics import BY_NAME
from runner.report.result_table import configuration_name
from runner.util.foreign_text import markdown_code, markdown_text
from runner.util.formatting import format_number
from runner.util.markdown import table


def as_markdown(comparison: Comparison) -> str:
    """Return the answers, sides, differences, and a table for each configuration of each pair."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        yield f"**{markdown_text(answer_pair(comparison, pair).sentence)}**"
        yield ""
        if warnings := warning_sentences(comparison, pair):
            yield from (f"- {markdown_text(sentence)}" for sentence in warnings)
            yield ""
    for side in comparison.sides:
        runs = ", ".join(map(markdown_code, side.runs))
        yield f"- **{side.label}** {markdown_text(side.profile)} ({markdown_text(side.summary)}): {runs}"
    yield ""
    if comparison.differences:
        yield from _table(
            ["what differs", *(side.label for side in comparison.sides)],
            [[one.name, *one.values] for one in comparison.differences],
            numbers=0,
        )
    else:
        yield "No known difference."
    for pair in comparison.pairs:
        yield ""
        yield from _pair(comparison, pair)
    for one in comparison.across:
        yield ""
        lengths = f"{one.input_len} in, {one.output_len} out"
        yield f"Side by side, {one.at_once} at a time, {lengths}{means_note(one)}:"
        yield ""
        yield from _across(comparison, one)


def _across(comparison: Comparison, one: AcrossEngines) -> Iterator[str]:
    head = ["", *(f"{side.label} {side.engine}" for side in comparison.sides)]
    rows = [["configuration", *one.configurations]]
    for line in one.lines:
        cells = (across_cell(name, value) for name, value in zip(line.metrics, line.values, strict=True))
        rows.append([line.question, *cells])
    yield from _table(head, rows, numbers=len(head) - 1)


def _pair(comparison: Comparison, pair: Pair) -> Iterator[str]:
    fair = "comparable, as far as known" if pair.fair else "**not comparable**"
    method = f" {markdown_text(_sentence(pair.method))}" if pair.method else ""
    yield f"**{pair.first} → {pair.second}**: {fair}.{method}"
    if pair.unfair_because:
        yield ""
        yield from (f"- {markdown_text(reason)}" for reason in pair.unfair_because)
    if pair.notes:
        yield ""
        yield from (f"- {markdown_text(note)}" for note in pair.notes)
    for configuration in pair.configurations:
        yield ""
        yield from _configuration(comparison, pair, configuration)
    for label, names in pair.unmatched():
        yield ""
        yield f"Only {label} measured {markdown_text(names)}."


def _configuration(
    comparison: Comparison, pair: Pair, configuration: ConfigurationComparison
) -> Iterator[str]:
    if not configuration.changes:
        yield f"{configuration_name(configuration.shape)}: {NOTHING}."
        return
    yield f"{configuration_name(configuration.shape)}:"
    yield ""
    head = ["metric", pair.first, pair.second, "change", f"{100 * comparison.level:g} % interval", "verdict"]
    yield from _table(head, [_change(change) for change in configuration.changes], numbers=4)
    if sentence := configuration.ceiling_sentence(pair.first, pair.second):
        yield ""
        yield f"{markdown_text(sentence)}."
    reasons: dict[str, list[str]] = {}
    for change in configuration.changes:
        if change.why:
            reasons.setdefault(change.why, []).append(BY_NAME[change.metric].title)
    if reasons:
        yield ""
        yield from (f"- {'; '.join(titles)}: {markdown_text(why)}" for why, titles in reasons.items())


def _change(change: MetricChange) -> list[str]:
    metric = BY_NAME[change.metric]
    values = [format_number(value, metric.digits) for value in (change.first, change.second)]
    interval = change.interval_text(_percent)
    return [metric.with_unit, *values, _percent(change.change), interval, change.verdict or ""]


def _percent(share: float | None) -> str:
    return "?" if share is None or share != share else f"{100 * share:+.2f} %"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> Iterator[str]:
    """Yield a table: one text column, then `numbers` number columns, then text columns."""
    cells = [[markdown_text(cell) for cell in row] for row in (head, *rows)]
    yield from table(cells[0], cells[1:], numbers=range(1, numbers + 1))
