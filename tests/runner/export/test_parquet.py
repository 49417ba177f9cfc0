"""Parquet files, read back by pyarrow; and the error without pyarrow."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest

from runner.cli.main import main
from tests.support.paths import DATA

RECORDED = DATA / "h200-torch-1gpu"


def as_csv(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, str]]:
    assert main(["export", str(RECORDED), "--format", "csv", *words]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


@pytest.mark.parametrize("words", [[], ["--iterations"]], ids=["table", "iterations"])
def test_parquet_equals_the_csv(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "run.parquet"
    assert main(["export", str(RECORDED), "-o", str(out), *words]) == 0
    table = parquet.read_table(out)
    expected = as_csv(capsys, *words)
    assert table.column_names == list(expected[0])
    for row, other in zip(table.to_pylist(), expected, strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == other


def test_missing_pyarrow_names_the_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", str(RECORDED), "-o", str(tmp_path / "run.parquet")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("trtbench-tui: Parquet needs pyarrow")
    assert "pip install '.[parquet]'" in error
    assert not list(tmp_path.glob("*parquet*"))


def test_parquet_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(RECORDED), "--format", "parquet"]) == 2
    assert "parquet is not text: name a file with -o" in capsys.readouterr().err
