"""The CSV of TensorRT-LLM's benchmarks/python/benchmark.py (its `--csv`), from what the engine printed.

Header and columns are upstream's, values are as printed and unquoted; nothing of ours is in it.
"""

from __future__ import annotations

from typing import BinaryIO

from runner.engines import benchmark_line
from runner.errors import UserError
from runner.export.run_data import Subject
from runner.report.result_table import configuration_name


def write(subject: Subject, out: BinaryIO) -> list[str]:
    """Write it; returns what is left out, in words.

    Raises:
        UserError: the run has no result of upstream's form.
    """
    results = [found.result for found in subject.state.configurations if found.result is not None]
    rows = [result for result in results if benchmark_line.is_result(result)]
    if not rows:
        raise UserError(
            f"{subject.run_dir.name}: the engine printed no result that upstream's CSV has columns for",
            hint="`--format csv` writes what was measured, whatever the engine",
        )
    columns = benchmark_line.csv_columns(rows)
    for line in (columns, *([row.get(key, "") for key in columns] for row in rows)):
        out.write(",".join(line).encode() + b"\n")
    shown = [
        configuration_name(found)
        for found, state in zip(subject.report.configurations, subject.state.configurations, strict=False)
        if state.result is None or not benchmark_line.is_result(state.result)
    ]
    return [f"{name} has no printed result and is left out" for name in shown]
