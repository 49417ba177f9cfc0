"""`completion`: a script for the shell; the script asks `completion words` at every Tab."""

from __future__ import annotations

import argparse
import sys

from runner.cli.completion import SCRIPTS, completions
from runner.cli.options import Commands
from runner.errors import ExitCode


def add(commands: Commands[argparse.ArgumentParser], parser: argparse.ArgumentParser) -> None:
    """Add the command; `parser` is the whole command's, from which the completions come."""
    command = commands.add_parser("completion", help="completion for bash, zsh or fish, to be sourced")
    shells = command.add_subparsers(title="shells", metavar="SHELL", required=True)
    for shell, script in SCRIPTS.items():
        source = script.partition(":  ")[2].splitlines()[0]
        chosen = shells.add_parser(shell, help=source)
        chosen.set_defaults(command=_print, script=script, without_runs=True)
    words = shells.add_parser("words", help="what the last word may become; the scripts ask this")
    words.add_argument("words", nargs="*", metavar="WORD")
    words.set_defaults(command=lambda arguments: _words(parser, arguments), without_runs=True)


def _print(arguments: argparse.Namespace) -> int:
    sys.stdout.write(arguments.script)
    return ExitCode.OK


def _words(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    for word in completions(parser, arguments.words):
        print(word)
    return ExitCode.OK
