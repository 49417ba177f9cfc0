"""The final table as Markdown, flags included, for an issue or a page; and as TSV, for a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from runner.report import result_table
from runner.report.model import Report, Row
from runner.report.result_table import Grid, Line
from runner.report.text_table import after
from runner.util.markdown import escaped, one_line, table

if TYPE_CHECKING:  # the result screen copies as Markdown, and needs nothing else of an export
    from runner.export.run_data import Subject


def write(subject: Subject, out: BinaryIO) -> None:
    out.write(as_markdown(subject.report).encode())


def as_markdown(report: Report) -> str:
    """Title, reasons for doubt, one table with a row for each heading, and what its marks mean."""
    lines = [f"**{escaped(report.profile)}** ({escaped(report.summary)})", ""]
    where = f" on {escaped(report.host)}" if report.host else ""
    lines.append(f"run `{one_line(report.run)}`{where}: {report.status}{after(report)}")
    if report.cause:
        lines += ["", f"cause: {escaped(report.cause)}"]
    flags = [f"- {escaped(flag)}" for flag in result_table.flags_in_words(report)]
    lines += ["", "Before you trust it:", "", *flags] if flags else []
    found = result_table.grid_of(report)
    if found.lines:
        notes: dict[str, int] = {}
        head = ["metric", "unit", *map(escaped, found.columns)]
        lines += ["", *table(head, _rows(found, notes), numbers=range(2, len(head))), ""]
        if words := result_table.baseline_words(report):
            lines += [f"(in brackets) {escaped(words)}  "]
        if any(result_table.margin(row) for line in found.lines for row in line.values):
            lines += [f"{result_table.MARGIN_MEANS}  "]
        lines += [f"[{number}] {escaped(note)}  " for note, number in notes.items()]
    return "\n".join(lines).rstrip() + "\n"


def as_tsv(report: Report) -> str:
    """Metrics down, configurations across, numbers as a spreadsheet reads them; an empty cell for none."""
    found = result_table.grid_of(report)
    rows = [["metric", "unit", *found.columns]]
    for line in found.lines:
        numbers = ["" if row is None or row.value is None else repr(row.value) for row in line.values]
        rows.append([line.metric.title, line.metric.unit, *numbers])
    return "".join("\t".join(map(one_line, row)) + "\n" for row in rows)


def _rows(found: Grid, notes: dict[str, int]) -> list[list[str]]:
    rows = []
    for heading, lines in found.groups():
        rows.append([f"**{heading}**", "", *([""] * len(found.columns))])
        rows += [
            [escaped(line.metric.title), escaped(line.metric.unit), *_values(line, notes)] for line in lines
        ]
    return rows


def _values(line: Line, notes: dict[str, int]) -> list[str]:
    shown = []
    for row in line.values:
        mark = f" [{notes.setdefault(row.note, len(notes) + 1)}]" if row is not None and row.note else ""
        words = (result_table.cell(row, line.metric), result_table.margin(row), _versus(row))
        shown.append(" ".join(filter(None, words)) + mark)
    return shown


def _versus(row: Row | None) -> str:
    return f"({change})" if (change := result_table.versus(row)) else ""
