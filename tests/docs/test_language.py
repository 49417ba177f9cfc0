"""The word list finds words to avoid with their line, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import language


def findings(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [finding.partition(" -> ")[0].removeprefix(f"{path}:") for finding in language.find_words([path])]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""It stands\nhere."""\n', ["1: stands"]),
        ("x = 1  # nobody reads it\n", ["1: nobody"]),
        ("# this one goes\n# on for long\n", ["1: goes on"]),
        ('x = (\n    "the state is "\n    "said"\n)\n', ["2: is said"]),
        ('x = f"{1} in words {2}"\n', ["1: in words"]),
        ("stands = beside = 1\n", []),
        ('"""Besides: a stand-in, understands, outstanding."""\n', []),
    ],
    ids=["docstring", "comment", "two comments", "joined strings", "f-string", "names", "other words"],
)
def test_words_in_python_are_found(tmp_path: Path, source: str, found: list[str]) -> None:
    assert findings(tmp_path / "module.py", source) == found


def test_words_in_other_files_are_found(tmp_path: Path) -> None:
    assert findings(tmp_path / "page.md", "# A page\n\nIt is drawn anew,\nbeside it.\n") == [
        "3: anew",
        "4: beside",
    ]


def test_long_test_names_are_found(tmp_path: Path) -> None:
    names = ["test_" + "a" * 55, "test_" + "b" * 56]
    (tmp_path / "test_names.py").write_text("".join(f"def {name}():\n    pass\n\n\n" for name in names))
    (finding,) = language.find_long_test_names(tmp_path)
    assert names[1] in finding


def test_exit_code_says_whether_words_were_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("plain\n")
    assert language.main([str(page)]) == 0
    page.write_text("anew\n")
    assert language.main([str(page)]) == 1
