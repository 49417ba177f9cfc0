"""The parsers of the command `profiles`; `runner.cli.profile_commands` implements it."""

from __future__ import annotations

import argparse

from runner.cli.options import SubCommands


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("profiles", help="list, show, check and copy profiles")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = actions.add_parser("list", help="list all profiles, yours first")
    listing.set_defaults(action="list")
    show = actions.add_parser("show", help="print a profile and the commands it runs")
    show.add_argument("profile", metavar="PROFILE")
    show.set_defaults(action="show")
    validate = actions.add_parser("validate", help="check profiles; print the file and line of every problem")
    validate.add_argument("profiles", metavar="PROFILE", nargs="*", help="names or files (default: all)")
    validate.set_defaults(action="validate")
    copy = actions.add_parser("copy", help="copy a profile into your own directory, to change it there")
    copy.add_argument("profile", metavar="PROFILE")
    copy.add_argument("name", metavar="NEW_NAME")
    copy.set_defaults(action="copy")
    schema = actions.add_parser("schema", help="print the JSON Schema of profiles, for editors")
    schema.set_defaults(action="schema")

    for action in actions.choices.values():
        action.set_defaults(command=_profiles, without_runs=True)


def _profiles(arguments: argparse.Namespace) -> int:
    from runner.cli.profile_commands import COMMANDS

    return COMMANDS[arguments.action](arguments)
