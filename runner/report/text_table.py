"""The final table as text: metrics down, configurations across, as many as fit the width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from runner.report import result_table
from runner.report.model import ConfigurationReport, Report
from runner.report.result_table import Line
from runner.state.configuration import answers_from, batching
from runner.util.formatting import duration

LABEL = 40
NUMBER = 14
MARK = 2
"""columns behind a number for the mark of its note"""
MARGIN = 14
COLUMN = NUMBER + MARK + MARGIN
MIN_WIDTH = 40
"""columns that sentences take at least"""
VERSUS = 18
"""columns of the change against the baseline, in a report that has one"""
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def render(report: Report, width: int = 100) -> str:
    """The whole result of a run: what it was, what to distrust, and the numbers."""
    return "\n".join(_lines(report, width)) + "\n"


def after(report: Report) -> str:
    """` after 41:10`; nothing of a run whose duration nobody observed, as of an imported result."""
    return f" after {duration(report.seconds)}" if report.seconds else ""


def _lines(report: Report, width: int) -> Iterator[str]:
    yield f"{report.profile} · {report.engine} · {report.summary}"
    where = f" on {report.host}" if report.host else ""
    yield f"run {report.run}{where} · {report.status}{after(report)}"
    if report.cause:
        yield ""
        yield from _wrapped("cause: ", _one_line(report.cause), width)
        if report.remedy:
            yield from _wrapped("to do: ", _one_line(report.remedy), width)
    asked = f"{answers_from(report.engine)}, asked: "
    for said in report.answers:
        yield ""
        yield f"{asked} {_one_line(said.prompt)}"
        yield f"{'answered:':>{len(asked)}} {_one_line(said.answer)}"
    if flags := result_table.flags_in_words(report):
        yield ""
        yield "before you trust it:"
        for flag in flags:
            yield from _wrapped("  ! ", flag, width)
    if words := result_table.baseline_words(report):
        yield ""
        yield from textwrap.wrap(words, max(MIN_WIDTH, width), subsequent_indent="  ")
    versus = VERSUS if report.baseline and not report.baseline.why_not else 0
    columns = max(1, (width - LABEL) // (COLUMN + versus))
    for start in range(0, len(report.configurations), columns):
        yield ""
        yield from _block(report.configurations[start : start + columns], versus)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    """A sentence behind a label, its further lines below its first; a path or a command is never broken."""
    return textwrap.wrap(
        text,
        max(MIN_WIDTH, width),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _block(configurations: list[ConfigurationReport], versus: int) -> Iterator[str]:
    """Configurations side by side; `versus` columns of each are for the change against the baseline."""
    heads = [
        [batching(c) for c in configurations],
        [f"{c.input_len}→{c.output_len}" for c in configurations],
    ]
    for label, head, known in zip(("", "metric"), heads, ("", "95 %"), strict=True):
        beside = f"{'vs baseline' if known and versus else '':<{versus}}"
        cells = "".join(f"{cell:>{NUMBER}}{'':{MARK}}{known:<{MARGIN}}{beside}" for cell in head)
        yield f"{label:<{LABEL}}{cells}".rstrip()
    yield "─" * (LABEL + (COLUMN + versus) * len(configurations))
    marks: dict[str, str] = {}
    for line in result_table.lines_of(configurations):
        yield _row(line, marks, versus)
    yield from (f"  {mark} {note}" for note, mark in marks.items())


def _row(line: Line, marks: dict[str, str], versus: int) -> str:
    metric = line.metric
    cells = []
    for row in line.values:
        note = row.note if row is not None else ""
        mark = marks.setdefault(note, str(len(marks) + 1).translate(_SUPERSCRIPTS)) if note else ""
        shown = result_table.cell(row, metric)
        cells.append(
            f"{shown:>{NUMBER}}{mark:<{MARK}}{result_table.margin(row):<{MARGIN}}{result_table.versus(row):<{versus}}"
        )
    return (f"{metric.with_unit:<{LABEL}}" + "".join(cells)).rstrip()
