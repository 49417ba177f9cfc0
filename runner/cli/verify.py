"""The command `verify`: check that a run or an archive is complete and unchanged."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runner.cli.options import SubCommands
from runner.util.exit_codes import ExitCode


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    verify = commands.add_parser(
        "verify",
        help="check that a run or an archive is complete and unchanged",
        description="Check a run or an archive: files, permissions, every line of the log, no iteration"
        " missing, and every number of the final table again from the log. Changes nothing.",
    )
    verify.add_argument(
        "run",
        metavar="RUN|ARCHIVE",
        nargs="?",
        default="last",
        help="a run, as for other commands, or a file that `archive` made",
    )
    verify.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    from runner import archive, preflight
    from runner.history import verification
    from runner.history.lookup import find_run

    path = Path(arguments.run)
    if archive.is_archive(path):
        checks = archive.verify_archive(path)
    else:
        checks = list(verification.checks(find_run(arguments.run)))
    sys.stdout.write(preflight.render(checks))
    return ExitCode.RUN_FAILED if preflight.has_failures(checks) else ExitCode.OK
