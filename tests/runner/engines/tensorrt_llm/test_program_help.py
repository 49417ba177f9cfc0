"""The `--help` of a program: read once for each installation, and again where it may have changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.engines.tensorrt_llm import program_help
from runner.engines.tensorrt_llm.options import has_options, parse_help
from runner.engines.tensorrt_llm.program_help import HelpPage, read_help
from runner.engines.tensorrt_llm.versions import Version

SCRIPT = """\
import pathlib, sys
pathlib.Path(__file__).with_name("asked").open("a").write("x")
print("usage: it\\n  --model_dir DIR\\n") if sys.argv[1:] == ["--help"] else sys.exit(1)
"""


def page(folder: Path, text: str = SCRIPT, version: str = "0.16.0") -> HelpPage:
    script = folder / "convert.py"
    script.write_text(text)
    argv = [sys.executable, str(script), "--help"]
    return HelpPage("convert", argv, Version.parse(version), source=text.encode())


def times_asked(folder: Path) -> int:
    asked = folder / "asked"
    return len(asked.read_text()) if asked.exists() else 0


def test_a_page_is_read_once(tmp_path: Path) -> None:
    for _ in range(3):
        assert "--model_dir" in parse_help(read_help(page(tmp_path), has_options)).options
    assert times_asked(tmp_path) == 1


def test_another_version_or_script_is_read_again(tmp_path: Path) -> None:
    read_help(page(tmp_path), has_options)
    read_help(page(tmp_path, version="0.17.0"), has_options)
    read_help(page(tmp_path, f"{SCRIPT}# changed\n"), has_options)
    assert times_asked(tmp_path) == 3


def test_a_failure_is_remembered_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_help, "_failed", {})
    broken = f"{SCRIPT}sys.exit(1)\n"
    assert read_help(page(tmp_path, broken), has_options) == ""
    assert read_help(page(tmp_path, broken), has_options) == ""
    assert times_asked(tmp_path) == 1
    assert not page(tmp_path, broken).file.exists()
    # The user may repair the installation: after a while it is asked again.
    monkeypatch.setattr(program_help, "_failed", {})
    read_help(page(tmp_path, broken), has_options)
    assert times_asked(tmp_path) == 2


def test_a_text_without_options_is_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_help, "_failed", {})
    assert read_help(page(tmp_path, "print('nothing here')"), has_options) == ""
