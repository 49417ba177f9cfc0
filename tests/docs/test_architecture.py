"""Pages and packages name files and modules that exist, and the architecture page names every package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PATH = re.compile(r"`((?:runner|tui|profiles|tests|docs)/[\w./-]*)`")


def packages(root: str) -> list[str]:
    """Return the packages below `runner` or `tui` as the page writes them: `runner/engines/torch/`."""
    return sorted(f"{path.parent.relative_to(ROOT)}/" for path in (ROOT / root).glob("*/**/__init__.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_paths_exist(page: Path) -> None:
    missing = [path for path in PATH.findall(page.read_text("utf-8")) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_linked_files_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("root", ["runner", "tui"])
def test_every_package_is_described(root: str) -> None:
    described = set(re.findall(r"^ *- `([\w/]+/)`:", ARCHITECTURE.read_text("utf-8"), re.MULTILINE))
    assert [package for package in packages(root) if package not in described] == []


def test_modules_that_a_package_names_exist() -> None:
    """Words in backticks in its docstring, where two or more of them are modules of the package."""
    missing = []
    for source in (path for root in ("runner", "tui") for path in (ROOT / root).rglob("__init__.py")):
        words = set(re.findall(r"`([a-z_]+)`", ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""))
        modules = {path.stem for path in source.parent.iterdir()}
        if len(words & modules) >= 2:
            missing += [f"{source.parent.relative_to(ROOT)}: {word}" for word in words - modules]
    assert missing == []


def test_table_answers_twenty_questions() -> None:
    rows = [line for line in ARCHITECTURE.read_text("utf-8").splitlines() if PATH.search(line)]
    assert len([row for row in rows if row.startswith("|")]) >= 20


def test_index_lists_every_decision() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text("utf-8")
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert len(records) >= 8
    assert [name for name in records if f"]({name})" not in index] == []
