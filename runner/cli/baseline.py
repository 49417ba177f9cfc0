"""`baseline`: the runs that later runs of a profile are held against."""

from __future__ import annotations

import argparse
import sys

from runner.cli.options import Commands
from runner.errors import ExitCode


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    baseline = commands.add_parser(
        "baseline", help="the runs that later runs of a profile are held against in their final table"
    )
    actions = baseline.add_subparsers(title="commands", metavar="COMMAND", required=True)
    set_to = actions.add_parser("set", help="make a run, or several repeats, the baseline of its profile")
    set_to.add_argument("runs", metavar="RUN", help="a run, or repeats with commas between: 7f3a,19bc")
    set_to.set_defaults(command=_set)
    show = actions.add_parser("show", help="all baselines, or the one of a profile")
    show.add_argument("profile", metavar="PROFILE", nargs="?")
    show.set_defaults(command=_show)
    clear = actions.add_parser("clear", help="forget the baseline of a profile; its runs stay")
    clear.add_argument("profile", metavar="PROFILE")
    clear.set_defaults(command=_clear)


def _set(arguments: argparse.Namespace) -> int:
    from runner.compare.sides import named
    from runner.history import baseline

    found = baseline.set_to(named(arguments.runs))
    print(f"the baseline of {found.profile} is {', '.join(found.runs)}", file=sys.stderr)
    return ExitCode.OK


def _show(arguments: argparse.Namespace) -> int:
    from runner.errors import UserError
    from runner.history import baseline
    from runner.history.run_list import moment

    found = [one for one in baseline.every() if arguments.profile in (None, one.profile)]
    if not found:
        whose = f" of {arguments.profile!r}" if arguments.profile else ""
        print(f"there is no baseline{whose}; `trtbench-tui baseline set RUN` sets one")
    for one in found:
        try:
            one.run_dirs()
            gone = ""
        except UserError:
            gone = "  (gone: its run was deleted)"
        print(f"{one.profile}  {', '.join(one.runs)}  set {moment(one.set)}{gone}")
    return ExitCode.OK


def _clear(arguments: argparse.Namespace) -> int:
    from runner.history import baseline

    baseline.clear(arguments.profile)
    print(f"{arguments.profile} has no baseline any more", file=sys.stderr)
    return ExitCode.OK
