"""Importing the files of a trtllm-bench run gives the table of that run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runner.archive.import_results import import_files
from runner.history.reports import load_report
from tests.integration.trtllm_bench.support import profile, succeed

CASES: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("0.15.0", {"command": "latency"}, ()),
    ("0.16.0", {}, ()),
    ("1.2.1", {"backend": "pytorch", "streaming": True, "concurrency": [4]}, (4,)),
]


@pytest.mark.parametrize(("version", "benchmark", "concurrency"), CASES)
def test_the_same_numbers(
    tmp_path: Path, version: str, benchmark: dict[str, Any], concurrency: tuple[int, ...]
) -> None:
    run_dir, _ = succeed(profile(tmp_path, version, benchmark=benchmark))
    log = next(run_dir.glob("*-benchmark.log"))
    ((there, _),) = import_files([log, *(run_dir / "results" / "0").iterdir()], concurrency)
    (measured,), (imported,) = load_report(run_dir).configurations, load_report(there).configurations
    # Only why a number is missing differs: the importer knows no model.
    assert [replace(row, note="") for row in imported.rows] == [
        replace(row, note="") for row in measured.rows
    ]
    for field in ("requests", "concurrency", "input_len", "output_len"):
        assert getattr(imported, field) == getattr(measured, field)
