"""The command `metrics`."""

from __future__ import annotations

import argparse
import shutil
import sys

from runner.cli.options import SubCommands
from runner.util.exit_codes import ExitCode


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    metrics = commands.add_parser(
        "metrics",
        help="explain every number",
        description="Explain every number: its formula, source, count and conditions.",
    )
    metrics.add_argument("names", metavar="METRIC", nargs="*", help="explain only these (default: all)")
    metrics.set_defaults(command=_metrics, without_runs=True)


def _metrics(arguments: argparse.Namespace) -> int:
    from runner.metrics import BY_NAME
    from runner.metrics.explain import ABOUT, as_text
    from runner.metrics.lookup import find_metric

    chosen = [find_metric(name) for name in arguments.names]
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    sys.stdout.write((ABOUT + "\n" if not chosen else "") + as_text(chosen or BY_NAME.values(), width))
    return ExitCode.OK
