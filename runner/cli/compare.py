"""Comparing runs with a verdict."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from typing import TYPE_CHECKING

from runner.cli.options import Commands
from runner.errors import ExitCode

if TYPE_CHECKING:
    from runner.compare import Comparison

DEFAULT_THRESHOLD = 0.01
_EPILOG = """\
A and B are runs, several repeats with commas between, or a filter as `ls --filter` takes it (tag:before,
sweep:ID), which stands for all finished runs that it lets through. Repeats decide: one run each knows
nothing of how much a number varies from run to run; that of earlier repeats of the same profile enters its
intervals, else an assumed one, as large as that of its iterations and at least 2 %.

exit codes: 0 compared · 2 bad input · 5 SLOWER or WORSE with --fail-on slower
            6 INCONCLUSIVE or NOT JUDGED with --fail-on inconclusive
"""


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    compare = commands.add_parser(
        "compare",
        help="by how much numbers changed between runs, how sure that is, and whether it is fair",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument(
        "sides",
        metavar="SIDE",
        nargs="+",
        help="A, B, C ...: a run each, repeats (7f3a,19bc), or one sweep",
    )
    compare.add_argument(
        "--metric",
        dest="metrics",
        action="append",
        default=[],
        metavar="METRIC",
        help="compare this metric (repeatable); those that --fail-on looks at, too",
    )
    compare.add_argument(
        "--threshold",
        type=_percent,
        default=DEFAULT_THRESHOLD,
        metavar="PERCENT",
        help="a change below this is none that matters (default 1)",
    )
    compare.add_argument(
        "--fail-on",
        action="append",
        choices=("slower", "inconclusive"),
        default=[],
        help="exit with 5, or 6, when any configuration is so; looks at the mean latency (of requests in"
        " flight: at the throughput) unless --metric says else",
    )
    compare.add_argument("--json", action="store_true", help="the comparison as one JSON object")
    compare.add_argument("--headless", action="store_true", help="as text, also on a terminal")
    compare.set_defaults(command=_compare)


def _percent(text: str) -> float:
    try:
        percent = float(text.rstrip("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no threshold; allowed: 0 to 99 percent")
    return percent / 100


def _compare(arguments: argparse.Namespace) -> int:
    import msgspec

    from runner.compare import COMPARED, HEADLINE, SERVING_HEADLINE, as_text, compare, sides
    from runner.metrics.lookup import find

    metrics = [find(name) for name in arguments.metrics]
    found = sides(arguments.sides)  # what cannot be compared is told before anything is drawn
    if _on_the_dashboard(arguments):
        from runner.cli.dashboard import show_comparison

        return show_comparison(tuple(arguments.sides), arguments)
    comparison = compare(found, metrics=metrics or COMPARED, threshold=arguments.threshold)
    with contextlib.suppress(BrokenPipeError):  # where nobody reads it, the exit code tells
        if arguments.json:
            sys.stdout.buffer.write(msgspec.json.encode(comparison) + b"\n")
        else:
            sys.stdout.write(as_text(comparison, shutil.get_terminal_size((112, 24)).columns))
    judged = metrics or (HEADLINE, SERVING_HEADLINE)
    return _exit_code(comparison, [metric.name for metric in judged], arguments.fail_on)


def _on_the_dashboard(arguments: argparse.Namespace) -> bool:
    """On a terminal, unless something is asked for that the screen does not answer."""
    from runner.cli.dashboard import has_terminal

    asked = arguments.headless or arguments.json or arguments.metrics or arguments.fail_on
    return not asked and arguments.threshold == DEFAULT_THRESHOLD and has_terminal()


def _exit_code(comparison: Comparison, names: list[str], fail_on: list[str]) -> ExitCode:
    from runner.compare import undecided, worse

    if "slower" in fail_on and worse(comparison, names):
        print("trtbench-tui: slower, at a level that holds for all configurations together", file=sys.stderr)
        return ExitCode.NOT_MET
    if "inconclusive" in fail_on and (open_questions := undecided(comparison, names)):
        print(f"trtbench-tui: not decided: {'; '.join(open_questions)}", file=sys.stderr)
        return ExitCode.UNDECIDED
    return ExitCode.OK
