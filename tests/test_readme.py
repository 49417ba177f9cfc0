"""What the READMEs tell people to type exists, and what they show as a profile is one."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
import yaml

from runner.cli import main
from runner.profile import settings
from runner.profile.yaml_file import load_text
from runner.util import paths
from runner.util.errors import install_extra
from tests.support.paths import ROOT

READMES = ("README.md", "README.zh-CN.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(readme: str, kind: str) -> list[str]:
    return [text for language, text in BLOCK.findall((ROOT / readme).read_text("utf-8")) if language == kind]


def commands(readme: str) -> list[str]:
    """The lines to type, without their comments."""
    lines = "".join(blocks(readme, "console")).splitlines()
    return [line[2:].partition(" # ")[0].rstrip() for line in lines if line.startswith("$ ")]


def forms(line: str) -> list[list[str]]:
    """The forms of a command that a line tells: `ls | show RUN` are two; brackets mean optional."""
    line = re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", line.removeprefix("trtbench-tui "))
    line = re.sub(r"^--host \S+ ?", "", line)
    return [re.sub(r"[\[\]]", " ", form).split() for form in line.split(" | ")]


def children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def unknown_words(line: str) -> list[str]:
    """Commands and options of a line that do not exist."""
    unknown = []
    family = main.build_parser()
    for words in forms(line):
        # What follows a bar is a brother of what stood before it: `sweeps ls | show` is `sweeps show`.
        while words and words[0] in children(family):
            parser = children(family)[words.pop(0)]
            if not children(parser):
                break
            family = parser
        else:
            unknown += words[:1]
            continue
        unknown += [word for word in words if word[:1] == "-" and word not in parser._option_string_actions]
    return unknown


def test_the_translation_has_the_same_commands_and_names() -> None:
    def names(readme: str) -> list[str]:
        text = BLOCK.sub("", (ROOT / readme).read_text("utf-8"))
        return sorted(name for name in re.findall(r"`([^`\n]+)`", text) if "<UTC" not in name)

    english, chinese = READMES
    assert commands(chinese) == commands(english)
    assert names(chinese) == names(english)


def test_messages_install_extras_as_the_readme_does() -> None:
    command, _, where = install_extra("serve").partition(" in ")
    assert all(f"`{command}`" in (ROOT / readme).read_text("utf-8") for readme in READMES)
    assert where == "the source folder of trtbench-tui"
    texts = [path.read_text("utf-8") for path in (ROOT / "runner").rglob("*.py")]
    assert not [text for text in texts if "install 'trtbench-tui[" in text]


@pytest.mark.parametrize("readme", READMES)
def test_commands_and_options_exist(readme: str) -> None:
    lines = [line for line in commands(readme) if line.startswith("trtbench-tui ")]
    assert len(lines) > 20
    assert {line: words for line in lines if (words := unknown_words(line))} == {}


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("trtbench-tui sweeps ls | shows", ["shows"]),
        ("trtbench-tui run PROFILE [--sets a=b]", ["--sets"]),
        ("trtbench-tui runs", ["runs"]),
    ],
)
def test_what_does_not_exist_would_be_found(line: str, unknown: list[str]) -> None:
    assert unknown_words(line) == unknown


def test_both_languages_show_the_same_commands_and_files() -> None:
    assert commands("README.zh-CN.md") == commands("README.md")
    assert len(blocks("README.zh-CN.md", "yaml")) == len(blocks("README.md", "yaml"))


@pytest.mark.parametrize("readme", READMES)
def test_profiles_that_are_shown_are_valid(readme: str, tmp_path: Path) -> None:
    shown = blocks(readme, "yaml")
    profiles = [text for text in shown if "engine:" in text]
    assert len(profiles) == 3
    for text in profiles:
        load_text(text, readme)
    (axes,) = [text for text in shown if text.startswith("sweep:")]
    load_text(profiles[0] + axes, readme)


@pytest.mark.parametrize("readme", READMES)
def test_the_settings_that_are_shown_are_valid(readme: str, home: Path) -> None:
    (shown,) = [text for text in blocks(readme, "yaml") if text.startswith("theme:")]
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text(shown)
    assert settings.load().theme == yaml.safe_load(shown)["theme"]


@pytest.mark.parametrize("readme", READMES)
def test_pictures_and_linked_files_are_there(readme: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / readme).read_text("utf-8"))
    assert links
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []
