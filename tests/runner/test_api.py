"""The public Python interface."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner import api
from runner.util import paths
from tests.support import recorded_runs


@pytest.fixture(autouse=True)
def frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for pandas, whose frames are the mappings that they are made from."""
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))


@pytest.fixture
def run() -> api.Run:
    recorded_runs.on_gpus(2, 2).write(paths.runs_dir())
    return api.load("last")


def test_runs_are_found_by_filter(run: api.Run) -> None:
    assert [row.run for row in api.runs()] == [run.id]
    assert api.runs("status:failed") == []
    with pytest.raises(api.UserError, match="since"):
        api.runs("since:tomorrow")


def test_frames_have_the_stated_columns(run: api.Run) -> None:
    iterations: dict[str, list[Any]] = run.iterations()
    assert tuple(iterations) == api.ITERATION_COLUMNS
    assert set(iterations["rank"]) == {0, 1}
    assert {len(column) for column in iterations.values()} == {len(iterations["i"])}
    readings: dict[str, list[Any]] = run.gpu_samples()
    assert tuple(readings) == api.GPU_COLUMNS
    assert set(readings["gpu"]) == {0, 1}
    assert all(value is None or value > 0 for value in readings["memory"])
    assert readings["t_s"] == sorted(readings["t_s"])
    assert tuple(run.table()) == api.TABLE_COLUMNS


def test_a_comparison_is_an_object() -> None:
    first = recorded_runs.finished().write(paths.runs_dir() / "a")
    second = recorded_runs.finished(iterations=11).write(paths.runs_dir() / "b")
    found = api.compare(str(first), str(second))
    assert len(found.pairs) == 1
    assert found.pairs[0].configurations


def test_without_a_library_the_error_says_what_to_install(
    run: api.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in api.LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(api.UserError, match="pandas or polars"):
        run.iterations()
    with pytest.raises(api.UserError, match="need polars"):
        run.gpu_samples("polars")


def test_a_name_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(api.UserError):
        api.load(tmp_path / "nothing")


def test_the_notebook_uses_the_interface() -> None:
    notebook = json.loads((Path(__file__).parents[2] / "docs" / "api.ipynb").read_text())
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    imported = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert {name for module, name in imported if module == "runner.api"} <= set(api.__all__)
    assert {module for module, _ in imported} == {"runner.api", "pathlib"}
    (folder,) = re.findall(r'Path\("\.\./(.+?)"\)', code)
    run = api.load(Path(__file__).parents[2] / folder)
    assert set(re.findall(r"run\.(\w+)", code)) <= set(dir(run))
