"""Describe every metric: for `?`, `trtbench-tui help metrics`, reports and `METRICS.md`.

`python -m runner.metrics.explain > runner/metrics/METRICS.md` regenerates `METRICS.md`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from runner.metrics.metric import Metric
from runner.metrics.registry import BY_NAME

ABOUT = """\
Every number of the result table is computed from the log of a run, by the formula given here. No
value is left out. n is the number of values behind a number.

The 95 % interval shows how well the iterations of this one run determine a number. Means: circular
block bootstrap, because neighbouring iterations are correlated, with Student's t on a logarithmic
scale, so that no bound of a time or a rate is below zero; if the iterations do not determine a mean
within a factor of ten, there is no interval. A few iterations do not show a strong correlation in
blocks, so a second interval, Student's t for as many independent values as an autoregression of order
one is worth, counts if it is wider. Ten iterations: the interval contains the true mean in 97 of 100
cases without correlation, in 87 with a correlation of neighbours of 0.7, and in 80 with 0.9; a strong
correlation is a warning. Percentiles: order statistics, for as many independent
values as the correlated ones are worth; if these are too few, a bound is missing. The interval does
not include the variation between runs: `trtbench-tui compare` measures it with repeats.

The table also shows the values reported by the engine. A difference beyond the rounding of the
reported value is a warning.
"""


def metric_facts(metric: Metric) -> tuple[tuple[str, str], ...]:
    """Return everything about a metric as pairs of label and text, without empty ones."""
    facts = (
        ("name", metric.name),
        ("unit", metric.unit),
        ("better", "" if metric.better == "neither" else metric.better),
        ("verdict", "" if metric.judged else "none: comparisons show its change only"),
        ("formula", metric.formula),
        ("source", metric.source),
        ("n counts", metric.count),
        ("conditions", metric.conditions),
        ("printed as", metric.upstream_key),
    )
    return tuple((label, text) for label, text in facts if text)


def in_sentences(metric: Metric) -> str:
    """Return the same as one paragraph, without name and unit."""
    better = "" if metric.better == "neither" else f" {metric.better.capitalize()} is better."
    return f"{metric.formula}. From: {metric.source}. n counts {metric.count}. {metric.conditions}{better}"


def as_text(metrics: Iterable[Metric], width: int = 100) -> str:
    """Return descriptions of metrics, in lines of at most `width` columns."""
    return "\n".join("\n".join(_text(metric, width)) + "\n" for metric in metrics)


def _text(metric: Metric, width: int) -> Iterator[str]:
    yield metric.title
    for label, text in metric_facts(metric):
        yield from textwrap.wrap(
            text,
            max(40, width),
            initial_indent=f"  {label:<12}",
            subsequent_indent=" " * 14,
            break_on_hyphens=False,
        )


def as_markdown() -> str:
    """Return the page of documentation of all metrics, by group."""
    lines = ["# What every number means", "", ABOUT]
    for group in dict.fromkeys(metric.group for metric in BY_NAME.values()):
        lines += [f"## {group}", ""]
        for metric in (metric for metric in BY_NAME.values() if metric.group == group):
            lines += [f"### {metric.title}", ""]
            lines += [
                f"- {label}: `{text}`" if label in ("name", "printed as") else f"- {label}: {text}"
                for label, text in metric_facts(metric)
            ]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
