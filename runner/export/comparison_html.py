"""A comparison as one HTML file: the answer, charts of the changes, every number, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner import VERSION
from runner.compare.across_engines import across_lines
from runner.compare.answer import (
    answer_pair,
    bar_lines,
    bars_title,
    no_difference,
    percent,
    warning_sentences,
)
from runner.compare.comparison import Comparison, ConfigurationComparison, MetricChange, Pair
from runner.export import page
from runner.export.change_chart import change_chart
from runner.export.destination import open_output
from runner.metrics import BY_NAME
from runner.report.result_table import configuration_name
from runner.util.foreign_text import html_text
from runner.util.formatting import format_number


def write(comparison: Comparison, path: Path | None) -> None:
    """Write the page; None is standard output.

    Raises:
        UserError: the file cannot be written.
    """
    labels = " and ".join(side.profile for side in comparison.sides)
    footer = f"made by trtbench-tui {VERSION} from the logs of the runs"
    with open_output(path) as out:
        for piece in page.page(f"comparison of {labels}", _body(comparison), footer):
            out.write(piece.encode(errors="replace"))


def _body(comparison: Comparison) -> Iterator[str]:
    yield "<h1>Comparison</h1>\n"
    for pair in comparison.pairs:
        answer = answer_pair(comparison, pair)
        yield f'<p class="answer {answer.outcome}">{html_text(answer.sentence)}</p>\n'
        yield page.text_list(warning_sentences(comparison, pair))
    rows = [(side.label, side.profile, side.summary, ", ".join(side.runs)) for side in comparison.sides]
    yield page.text_table(("side", "profile", "model", "runs"), rows)
    for pair in comparison.pairs:
        yield from _pair(comparison, pair)
    yield from _across(comparison)
    yield "<h2>Differences</h2>\n"
    if not comparison.differences:
        text = no_difference(comparison)
        yield f"<p>{text[0].upper()}{text[1:]}.</p>\n"
        return
    heads = ("what differs", *(side.label for side in comparison.sides), "effect")
    effects = {
        "unfair": "not comparable", "unknown": "not known for all", "design": "by design", "subject": "",
    }  # fmt: skip
    found = [(one.name, *one.values, effects[one.kind]) for one in comparison.differences]
    yield page.text_table(heads, found)


def _pair(comparison: Comparison, pair: Pair) -> Iterator[str]:
    yield f"<h2>{html_text(pair.first)} → {html_text(pair.second)}</h2>\n"
    if lines := bar_lines(pair):
        yield page.figure(change_chart(lines, bars_title(pair, lines, comparison.level)))
    yield page.text_list([*pair.unfair_because, *pair.notes])
    for configuration in pair.configurations:
        yield from _configuration(comparison, pair, configuration)
    for label, names in pair.unmatched():
        yield f"<p>Only {html_text(label)} measured {html_text(names)}.</p>\n"
    if pair.method:
        yield f'<p class="dim">{html_text(pair.method)}</p>\n'


def _configuration(
    comparison: Comparison, pair: Pair, configuration: ConfigurationComparison
) -> Iterator[str]:
    yield f"<h3>{html_text(configuration_name(configuration.shape))}</h3>\n"
    heads = ("metric", pair.first, pair.second, "change", f"{100 * comparison.level:g} % interval", "verdict")
    cells = "".join(f"<th>{html_text(name)}</th>" for name in heads)
    yield f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>\n'
    for change in configuration.changes:
        yield _change(change)
    yield "</tbody></table></div>\n"
    if sentence := configuration.ceiling_sentence(pair.first, pair.second):
        yield f"<p>{html_text(sentence)}.</p>\n"


def _change(change: MetricChange) -> str:
    metric = BY_NAME[change.metric]
    values = [format_number(value, metric.digits) for value in (change.first, change.second)]
    interval = change.interval_text(lambda bound: "?" if bound is None else percent(bound))
    title = html_text(change.why) if change.why else ""
    name = f'<td title="{html_text(metric.formula)}">{html_text(metric.with_unit)}</td>'
    numbers = "".join(f"<td>{html_text(cell)}</td>" for cell in (*values, percent(change.change), interval))
    return f'<tr>{name}{numbers}<td title="{title}">{html_text(change.verdict or "")}</td></tr>\n'


def _across(comparison: Comparison) -> Iterator[str]:
    if comparison.across:
        labels = [side.label for side in comparison.sides]
        engines = [side.engine for side in comparison.sides]
        text = "\n".join(across_lines(comparison.across, labels, engines))
        yield f"<h2>Side by side, without a verdict</h2>\n<pre>{html_text(text)}</pre>\n"
