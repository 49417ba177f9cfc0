"""The final table as Markdown with its warnings, and as TSV for a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from runner.report import result_table
from runner.report.model import MetricCell, Report
from runner.report.result_table import ResultTable, TableRow
from runner.report.text_table import duration_suffix, place_suffix
from runner.util.foreign_text import markdown_code, markdown_text, spreadsheet_cell
from runner.util.markdown import table

if TYPE_CHECKING:  # the result screen copies Markdown and needs no other part of an export
    from runner.export.run_data import RunData


def write(data: RunData, out: BinaryIO) -> None:
    out.write(as_markdown(data.report).encode())


def as_markdown(report: Report) -> str:
    """Return the title, the warnings, one table with a row per heading, and its notes."""
    lines = [f"**{markdown_text(report.profile)}** ({markdown_text(report.summary)})", ""]
    run = f"run {markdown_code(report.run)} {markdown_text(place_suffix(report))}".rstrip()
    lines.append(f"{run}: {report.status}{duration_suffix(report)}")
    if report.cause:
        lines += ["", f"cause: {markdown_text(report.cause)}"]
    flags = [f"- {markdown_text(flag)}" for flag in result_table.list_flags(report)]
    lines += ["", "warnings:", "", *flags] if flags else []
    for heading, sentences in result_table.list_remarks(report):
        lines += ["", f"{heading}:", "", *(f"- {markdown_text(sentence)}" for sentence in sentences)]
    found = result_table.build_table(report)
    if found.rows:
        notes: dict[str, int] = {}
        head = ["metric", "unit", *map(markdown_text, found.columns)]
        lines += ["", *table(head, _rows(found, notes), numbers=range(2, len(head))), ""]
        if sentence := result_table.describe_baseline(report):
            lines += [f"(in brackets) {markdown_text(sentence)}  "]
        if any(result_table.format_margin(cell) for row in found.rows for cell in row.cells):
            lines += [f"{result_table.MARGIN_LEGEND}  "]
        lines += [f"[{number}] {markdown_text(note)}  " for note, number in notes.items()]
    return "\n".join(lines).rstrip() + "\n"


def as_tsv(report: Report) -> str:
    """Return a row per metric and a column per configuration; a missing number is an empty cell."""
    found = result_table.build_table(report)
    rows = [["metric", "unit", *found.columns]]
    for row in found.rows:
        numbers = ["" if cell is None or cell.value is None else repr(cell.value) for cell in row.cells]
        rows.append([row.metric.title, row.metric.unit, *numbers])
    return "".join("\t".join(map(spreadsheet_cell, texts)) + "\n" for texts in rows)


def _rows(found: ResultTable, notes: dict[str, int]) -> list[list[str]]:
    rows = []
    for heading, metric_rows in found.groups():
        rows.append([f"**{heading}**", "", *([""] * len(found.columns))])
        for row in metric_rows:
            names = map(markdown_text, (row.metric.title, row.metric.unit))
            rows.append([*names, *_values(row, notes)])
    return rows


def _values(row: TableRow, notes: dict[str, int]) -> list[str]:
    shown = []
    for cell in row.cells:
        mark = f" [{notes.setdefault(cell.note, len(notes) + 1)}]" if cell is not None and cell.note else ""
        parts = (result_table.format_cell(cell, row.metric), result_table.format_margin(cell), _versus(cell))
        shown.append(" ".join(filter(None, parts)) + mark)
    return shown


def _versus(cell: MetricCell | None) -> str:
    return f"({change})" if (change := result_table.format_change(cell)) else ""
