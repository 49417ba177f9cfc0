"""The command `baseline`: the runs that later runs of a profile are compared with."""

from __future__ import annotations

import argparse
import sys

from runner.cli.options import SubCommands
from runner.util.exit_codes import ExitCode


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    baseline = commands.add_parser(
        "baseline",
        help="set the runs that later runs of a profile are compared with",
        description="Set, show or clear the baseline of a profile. The final table of its later runs compares"
        " them with the baseline.",
    )
    actions = baseline.add_subparsers(title="commands", metavar="COMMAND", required=True)
    set_to = actions.add_parser("set", help="make a run or its repeats the baseline of the profile")
    set_to.add_argument("runs", metavar="RUN", help="a run, or repeats separated by commas: 7f3a,19bc")
    set_to.set_defaults(command=_set)
    show = actions.add_parser("show", help="list all baselines, or show that of a profile")
    show.add_argument("profile", metavar="PROFILE", nargs="?")
    show.set_defaults(command=_show)
    clear = actions.add_parser("clear", help="clear the baseline of a profile; its runs are kept")
    clear.add_argument("profile", metavar="PROFILE")
    clear.set_defaults(command=_clear)


def _set(arguments: argparse.Namespace) -> int:
    from runner.compare.sides import runs_of_side
    from runner.history import baseline

    found = baseline.set_baseline(runs_of_side(arguments.runs))
    print(f"the baseline of {found.profile} is {', '.join(found.runs)}", file=sys.stderr)
    return ExitCode.OK


def _show(arguments: argparse.Namespace) -> int:
    from runner.history import baseline
    from runner.history.run_list import format_time
    from runner.util.errors import UserError

    found = [one for one in baseline.list_baselines() if arguments.profile in (None, one.profile)]
    if not found:
        whose = f" of {arguments.profile!r}" if arguments.profile else ""
        print(f"there is no baseline{whose}; `trtbench-tui baseline set RUN` sets one")
    for one in found:
        try:
            one.run_dirs()
            gone = ""
        except UserError:
            gone = "  (gone: its run was deleted)"
        print(f"{one.profile}  {', '.join(one.runs)}  set {format_time(one.set)}{gone}")
    return ExitCode.OK


def _clear(arguments: argparse.Namespace) -> int:
    from runner.history import baseline

    baseline.clear_baseline(arguments.profile)
    print(f"{arguments.profile} has no baseline now", file=sys.stderr)
    return ExitCode.OK
