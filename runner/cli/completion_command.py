"""The command `completion`: print the script for a shell, which calls `completion words` at every Tab."""

from __future__ import annotations

import argparse
import sys

from runner.cli.completion import SCRIPTS, complete_words
from runner.cli.options import SubCommands
from runner.errors import ExitCode


def add(commands: SubCommands[argparse.ArgumentParser], parser: argparse.ArgumentParser) -> None:
    """Add the command; completions are derived from `parser`, the parser of the whole command line."""
    command = commands.add_parser("completion", help="print the completion script for bash, zsh or fish")
    shells = command.add_subparsers(title="shells", metavar="SHELL", required=True)
    for shell, script in SCRIPTS.items():
        source = script.partition(":  ")[2].splitlines()[0]
        chosen = shells.add_parser(
            shell, help=source, description=f"Print the completion script for {shell}. To use it: {source}"
        )
        chosen.set_defaults(command=_print, script=script, without_runs=True)
    words = shells.add_parser("words", help="list completions of the last word; for the scripts")
    words.add_argument("words", nargs="*", metavar="WORD")
    words.set_defaults(command=lambda arguments: _words(parser, arguments), without_runs=True)


def _print(arguments: argparse.Namespace) -> int:
    sys.stdout.write(arguments.script)
    return ExitCode.OK


def _words(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    for word in complete_words(parser, arguments.words):
        print(word)
    return ExitCode.OK
