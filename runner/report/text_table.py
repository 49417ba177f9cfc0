"""The final table as text: a row per metric, a column per configuration, as many as fit the width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from runner.report import result_table
from runner.report.model import ConfigurationReport, Report
from runner.report.result_table import TableRow
from runner.state.configuration import answer_source, batching_label
from runner.state.job import state_word
from runner.util.formatting import duration

LABEL = 40
NUMBER = 14
MARK = 2
"""characters after a number for the mark of its note"""
MARGIN = 14
COLUMN = NUMBER + MARK + MARGIN
MIN_WIDTH = 40
"""minimum width of sentences"""
VERSUS = 18
"""characters of the change from the baseline, in a report with a baseline"""
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def render(report: Report, width: int = 100) -> str:
    """Return the result of a run: title, warnings and numbers."""
    return "\n".join(_lines(report, width)) + "\n"


def duration_suffix(report: Report) -> str:
    """Return ` after 41:10`; empty for an imported result, whose duration is unknown."""
    return f" after {duration(report.seconds)}" if report.seconds else ""


def place_suffix(report: Report) -> str:
    """Return ` on node1`, ` on node1 and node2`, or ` on 8 nodes (node1 to node8)`; empty: unknown."""
    nodes = report.nodes
    if len(nodes) == 2:
        return f" on {nodes[0]} and {nodes[1]}"
    if nodes[1:]:
        return f" on {len(nodes)} nodes ({nodes[0]} to {nodes[-1]})"
    return f" on {report.host}" if report.host else ""


def _lines(report: Report, width: int) -> Iterator[str]:
    yield f"{report.profile} · {report.engine} · {report.summary}"
    state = state_word(report.status, report.job_end)
    yield f"run {report.run}{place_suffix(report)} · {state}{duration_suffix(report)}"
    if report.cause:
        yield ""
        yield from _wrapped("cause: ", _one_line(report.cause), width)
        if report.remedy:
            yield from _wrapped("to do: ", _one_line(report.remedy), width)
    asked = f"{answer_source(report.engine)}, asked: "
    for exchange in report.answers:
        yield ""
        yield f"{asked} {_one_line(exchange.prompt)}"
        yield f"{'answered:':>{len(asked)}} {_one_line(exchange.answer)}"
    if flags := result_table.list_flags(report):
        yield ""
        yield "warnings:"
        for flag in flags:
            yield from _wrapped("  ! ", flag, width)
    for heading, sentences in result_table.list_remarks(report):
        yield ""
        yield f"{heading}:"
        for sentence in sentences:
            yield from _wrapped("  ", sentence, width)
    if sentence := result_table.describe_baseline(report):
        yield ""
        yield from textwrap.wrap(sentence, max(MIN_WIDTH, width), subsequent_indent="  ")
    versus = VERSUS if report.baseline and not report.baseline.why_not else 0
    columns = max(1, (width - LABEL) // (COLUMN + versus))
    for start in range(0, len(report.configurations), columns):
        yield ""
        yield from _block(report.configurations[start : start + columns], versus)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    """Wrap a sentence after a label, with a hanging indent; paths and commands are never broken."""
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
    """Yield a table of some configurations; each has `versus` characters for the change from the baseline."""
    heads = [
        [batching_label(c) for c in configurations],
        [f"{c.input_len}→{c.output_len}" for c in configurations],
    ]
    for label, head, known in zip(("", "metric"), heads, ("", "95 %"), strict=True):
        versus_head = f"{'vs baseline' if known and versus else '':<{versus}}"
        cells = "".join(f"{cell:>{NUMBER}}{'':{MARK}}{known:<{MARGIN}}{versus_head}" for cell in head)
        yield f"{label:<{LABEL}}{cells}".rstrip()
    yield "─" * (LABEL + (COLUMN + versus) * len(configurations))
    marks: dict[str, str] = {}
    for row in result_table.build_rows(configurations):
        yield _format_row(row, marks, versus)
    yield from (f"  {mark} {note}" for note, mark in marks.items())


def _format_row(row: TableRow, marks: dict[str, str], versus: int) -> str:
    metric = row.metric
    cells = []
    for cell in row.cells:
        note = cell.note if cell is not None else ""
        mark = marks.setdefault(note, str(len(marks) + 1).translate(_SUPERSCRIPTS)) if note else ""
        shown = result_table.format_rounded(cell, metric)
        cells.append(
            f"{shown:>{NUMBER}}{mark:<{MARK}}{result_table.format_margin(cell):<{MARGIN}}{result_table.format_change(cell):<{versus}}"
        )
    return (f"{metric.with_unit:<{LABEL}}" + "".join(cells)).rstrip()
