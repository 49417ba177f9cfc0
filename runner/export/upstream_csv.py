"""The CSV format of benchmarks/python/benchmark.py in TensorRT-LLM (`--csv`), from the output of the engine.

Header and columns are those of benchmark.py; values are as printed, without quotes. Nothing is added.
"""

from __future__ import annotations

from typing import BinaryIO

from runner.engines import benchmark_line
from runner.export.run_data import RunData
from runner.report.result_table import configuration_name
from runner.util.errors import UserError
from runner.util.foreign_text import spreadsheet_cell


def write(data: RunData, out: BinaryIO) -> list[str]:
    """Write the CSV; return a note for each configuration that is left out.

    Raises:
        UserError: the run has no result in the form of benchmark.py.
    """
    results = [found.result for found in data.state.configurations if found.result is not None]
    rows = [result for result in results if benchmark_line.is_result(result)]
    if not rows:
        raise UserError(
            f"{data.run_dir.name}: the engine printed no result in the form of benchmark.py",
            hint="`--format csv` works for every engine",
        )
    columns = benchmark_line.csv_columns(rows)
    for line in (columns, *([row.get(key, "") for key in columns] for row in rows)):
        out.write(",".join(map(_cell, line)).encode() + b"\n")
    shown = [
        configuration_name(found)
        for found, state in zip(data.report.configurations, data.state.configurations, strict=False)
        if state.result is None or not benchmark_line.is_result(state.result)
    ]
    return [f"{name} has no printed result and is left out" for name in shown]


def _cell(text: str) -> str:
    """Return a value without the separators of the format, which has no quotes."""
    return spreadsheet_cell(text).replace(",", " ").replace('"', " ")
