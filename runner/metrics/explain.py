"""What every number means, in words: for `?`, `trtbench-tui help metrics`, reports and `METRICS.md`.

`python -m runner.metrics.explain > runner/metrics/METRICS.md` writes the last one anew.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from runner.metrics.definitions import BY_NAME
from runner.metrics.metric import Metric

ABOUT = """\
Every number of the final table is made of what the log of a run holds, by the formula that stands
here. Nothing is trimmed. n is how many values a number is made of.

The 95 % interval says how well the iterations of this one run determine a number. Means: circular
block bootstrap, because neighbouring iterations are correlated, with Student's t on a logarithmic
scale, so that no bound of a time or a rate is below zero; where they do not tell a mean to within a
factor of ten, there is none. Percentiles: order statistics, for as many independent values as the
correlated ones are worth; where these are too few, a bound is missing. It knows nothing of how
another run of the same would come out: `trtbench-tui compare` does, from repeats.

What the engine printed itself stands beside ours. A difference beyond the rounding of what was
printed is a flag.
"""


def facts(metric: Metric) -> tuple[tuple[str, str], ...]:
    """Everything that is said about a metric: pairs of a word and a text, without what does not apply."""
    said = (
        ("name", metric.name),
        ("unit", metric.unit),
        ("better", "" if metric.better == "neither" else metric.better),
        ("formula", metric.formula),
        ("source", metric.source),
        ("n counts", metric.count),
        ("conditions", metric.conditions),
        ("printed as", metric.upstream_key),
    )
    return tuple((word, text) for word, text in said if text)


def in_sentences(metric: Metric) -> str:
    """The same in one paragraph, without name and unit."""
    better = "" if metric.better == "neither" else f" {metric.better.capitalize()} is better."
    return f"{metric.formula}. From: {metric.source}. n counts {metric.count}. {metric.conditions}{better}"


def as_text(metrics: Iterable[Metric], width: int = 100) -> str:
    """Metrics one below the other, in lines of at most `width` columns."""
    return "\n".join("\n".join(_text(metric, width)) + "\n" for metric in metrics)


def _text(metric: Metric, width: int) -> Iterator[str]:
    yield metric.title
    for word, said in facts(metric):
        yield from textwrap.wrap(
            said,
            max(40, width),
            initial_indent=f"  {word:<12}",
            subsequent_indent=" " * 14,
            break_on_hyphens=False,
        )


def as_markdown() -> str:
    """All metrics as a page of documentation, in their groups."""
    lines = ["# What every number means", "", ABOUT]
    for group in dict.fromkeys(metric.group for metric in BY_NAME.values()):
        lines += [f"## {group}", ""]
        for metric in (metric for metric in BY_NAME.values() if metric.group == group):
            lines += [f"### {metric.title}", ""]
            lines += [
                f"- {word}: `{said}`" if word in ("name", "printed as") else f"- {word}: {said}"
                for word, said in facts(metric)
            ]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
