"""The help pages of the command line."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

from runner.cli.examples import EXAMPLES
from runner.cli.main import COMMAND_GROUPS, build_parser, main


def sub_commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def all_commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for command in sub_commands(parser).values():
        yield command
        yield from all_commands(command)


def test_every_command_is_in_exactly_one_group() -> None:
    grouped = [name for names in COMMAND_GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(sub_commands(build_parser()))


def test_help_lists_one_line_per_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 80
    for title, names in COMMAND_GROUPS.items():
        first = lines.index(f"{title}:") + 1
        assert [line.split()[0] for line in lines[first : first + len(names)]] == list(names)


def test_every_help_page_has_a_description() -> None:
    for command in all_commands(build_parser()):
        assert command.description, command.prog
        assert command.prog.startswith("trtbench-tui ")
        assert "None" not in command.format_help()


def test_each_command_and_sub_command_has_a_valid_example() -> None:
    parser = build_parser()
    paths = {command.prog.partition(" ")[2]: command for command in all_commands(parser)}
    assert paths.keys() == EXAMPLES.keys()
    for path, command in paths.items():
        assert f"example: trtbench-tui {EXAMPLES[path]}" in " ".join(command.format_help().split()), path
        words = shlex.split(EXAMPLES[path].partition(" && ")[0].partition(" >")[0].partition(" | ")[0])
        assert [*words[: len(path.split())]] == path.split()
        parser.parse_args(words)


def test_old_spelling_of_force_still_works() -> None:
    parser = build_parser()
    for line in (["run", "p"], ["sweep", "p"], ["ab", "p", "q"]):
        assert not parser.parse_args(line).force
        assert parser.parse_args([*line, "--force"]).force
        assert parser.parse_args([*line, "--anyway"]).force
    assert "--anyway" not in sub_commands(parser)["run"].format_help()
