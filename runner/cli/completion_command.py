"""The command `completion`: print the script with which a shell asks this program at every Tab."""

from __future__ import annotations

import argparse
import sys

from runner.cli.options import SubCommands
from runner.util.exit_codes import ExitCode

SHELLS = {
    "bash": 'eval "$(trtbench-tui completion bash)"  # e.g. in ~/.bashrc',
    "zsh": 'eval "$(trtbench-tui completion zsh)"  # e.g. in ~/.zshrc after compinit',
    "fish": "trtbench-tui completion fish | source  # e.g. in config.fish",
}
"""How to use the script in each shell."""


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("completion", help="print the completion script for bash, zsh or fish")
    shells = command.add_subparsers(title="shells", metavar="SHELL", required=True)
    for shell, use in SHELLS.items():
        chosen = shells.add_parser(
            shell, help=use, description=f"Print the completion script for {shell}. To use it: {use}"
        )
        chosen.set_defaults(command=_print, shell=shell, without_runs=True)


def _print(arguments: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["trtbench-tui"], shell=arguments.shell))
    return ExitCode.OK
