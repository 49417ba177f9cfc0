"""The final table as Markdown, flags included, for an issue or a page; and as TSV, for a spreadsheet."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, BinaryIO

from runner import grid
from runner.grid import Grid, Line
from runner.report import Report, Row
from runner.table import after

if TYPE_CHECKING:  # the result screen copies as Markdown, and needs nothing else of an export
    from runner.export.subject import Subject


def write(subject: Subject, out: BinaryIO) -> None:
    out.write(as_markdown(subject.report).encode())


def as_markdown(report: Report) -> str:
    """Title, reasons for doubt, one table with a row for each heading, and what its marks mean."""
    lines = [f"**{_plain(report.profile)}** ({_plain(report.summary)})", ""]
    where = f" on {_plain(report.host)}" if report.host else ""
    lines.append(f"run `{_plain(report.run)}`{where}: {report.status}{after(report)}")
    if report.cause:
        lines += ["", f"cause: {_plain(report.cause)}"]
    flags = [f"- {_plain(flag)}" for flag in grid.flags_in_words(report)]
    lines += ["", "Before you trust it:", "", *flags] if flags else []
    table = grid.grid_of(report)
    if table.lines:
        notes: dict[str, int] = {}
        lines += ["", *_aligned(_cells(table, notes)), ""]
        if words := grid.baseline_words(report):
            lines += [f"(in brackets) {_plain(words)}  "]
        if any(grid.margin(row) for line in table.lines for row in line.values):
            lines += [f"{grid.MARGIN_MEANS}  "]
        lines += [f"[{number}] {_plain(note)}  " for note, number in notes.items()]
    return "\n".join(lines).rstrip() + "\n"


def as_tsv(report: Report) -> str:
    """Metrics down, configurations across, numbers as a spreadsheet reads them; an empty cell for none."""
    table = grid.grid_of(report)
    rows = [["metric", "unit", *table.columns]]
    for line in table.lines:
        numbers = ["" if row is None or row.value is None else repr(row.value) for row in line.values]
        rows.append([line.metric.title, line.metric.unit, *numbers])
    return "".join("\t".join(_plain(cell) for cell in row) + "\n" for row in rows)


def _cells(table: Grid, notes: dict[str, int]) -> list[list[str]]:
    rows = [["metric", "unit", *table.columns]]
    for heading, lines in table.groups():
        rows.append([f"**{heading}**", "", *([""] * len(table.columns))])
        rows += [[line.metric.title, line.metric.unit, *_values(line, notes)] for line in lines]
    return [[cell.replace("|", "\\|") for cell in row] for row in rows]


def _values(line: Line, notes: dict[str, int]) -> list[str]:
    shown = []
    for row in line.values:
        mark = f" [{notes.setdefault(row.note, len(notes) + 1)}]" if row is not None and row.note else ""
        words = (grid.cell(row, line.metric), grid.margin(row), _versus(row))
        shown.append(" ".join(filter(None, words)) + mark)
    return shown


def _versus(row: Row | None) -> str:
    return f"({change})" if (change := grid.versus(row)) else ""


def _aligned(rows: list[list[str]]) -> list[str]:
    """Rows as lines of a Markdown table whose columns stand below one another: words left, numbers right."""
    widths = [max(3, *(_width(row[index]) for row in rows)) for index in range(len(rows[0]))]
    rule = ["-" * widths[0], "-" * widths[1], *("-" * (width - 1) + ":" for width in widths[2:])]
    lines = []
    for row in (rows[0], rule, *rows[1:]):
        padding = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [
            cell + pad if index < 2 else pad + cell
            for index, (cell, pad) in enumerate(zip(row, padding, strict=True))
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _width(text: str) -> int:
    """Columns that a text takes in a fixed-width font: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _plain(text: str) -> str:
    """One line without control characters: names and causes come from outside."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
