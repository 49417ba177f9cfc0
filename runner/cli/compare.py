"""The command `compare`: runs side by side, with a verdict for every number."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.options import SubCommands, output_file
from runner.util.console import print_json
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.compare import Comparison

DEFAULT_THRESHOLD = 0.01
OUTPUTS = (".html", ".htm", ".md", ".json")
"""file extensions of `-o`"""
_DESCRIPTION = """\
Show by how much the numbers of runs differ, how certain that is, and whether
they are comparable.
"""
_EPILOG = """\
A SIDE is a run, repeats separated by commas, or a filter of `ls --filter`
(tag:before, sweep:ID), which means all finished runs that match it.

Runs that were measured together (one boot, no break of more than 30 minutes, or
one sweep) are one session. Sides of different sessions are compared with the
variation from session to session, from earlier runs of the same profile; until
four earlier sessions are known it is assumed to be 2 %. More runs of the same
session do not help: `ab` measures both sides alternately in one session.

FASTER and SLOWER hold for all changes that are shown together: with 95 %
probability none of them is chance. docs/statistics.md explains this.

exit codes:
  0  compared
  2  bad input
  5  SLOWER or WORSE, with --fail-on slower
  6  INCONCLUSIVE or NOT JUDGED, with --fail-on inconclusive
  7  not comparable, with --fail-on
"""


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    compare = commands.add_parser(
        "compare",
        help="compare runs, with a verdict for every number",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument(
        "sides",
        metavar="SIDE",
        nargs="+",
        help="two or more: a run each, repeats (7f3a,19bc) or a filter; or one sweep for its cells",
    )
    compare.add_argument(
        "--metric",
        dest="metrics",
        action="append",
        default=[],
        metavar="METRIC",
        help="compare this metric (repeatable); --fail-on then checks the same metrics",
    )
    compare.add_argument(
        "--threshold",
        type=_percent,
        default=DEFAULT_THRESHOLD,
        metavar="PERCENT",
        help="a change smaller than this does not matter (default 1)",
    )
    compare.add_argument(
        "--fail-on",
        action="append",
        choices=("slower", "inconclusive"),
        default=[],
        help="exit with 5 (slower) or 6 (inconclusive) if any configuration is; checks the mean latency, or"
        " the throughput of requests in flight, unless --metric names others",
    )
    compare.add_argument("--json", action="store_true", help="print the comparison as one JSON object")
    compare.add_argument(
        "-o",
        "--output",
        type=output_file,
        metavar="FILE",
        help="write the comparison to FILE.html (with charts), FILE.md or FILE.json",
    )
    compare.add_argument("--headless", action="store_true", help="print text, also on a terminal")
    compare.set_defaults(command=_compare, on_hosts="sides")


def _percent(text: str) -> float:
    try:
        percent = float(text.rstrip("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a threshold; allowed: 0 to 99 percent")
    return percent / 100


def _compare(arguments: argparse.Namespace) -> int:
    import msgspec

    from runner.compare import HEADLINE, SERVING_HEADLINE, as_text, compare, load_sides
    from runner.metrics.lookup import find_metric

    metrics = [find_metric(name) for name in arguments.metrics]
    if arguments.output is not None:
        _check_output(arguments.output)
    found = load_sides(arguments.sides)  # report what cannot be compared before anything is drawn
    if _opens_dashboard(arguments):
        from runner.cli.dashboard import show_comparison

        return show_comparison(tuple(arguments.sides), arguments)
    comparison = compare(found, metrics=metrics or None, threshold=arguments.threshold)
    with contextlib.suppress(BrokenPipeError):  # without a reader, the exit code still reports the result
        if arguments.output is not None:
            _write(comparison, arguments.output)
        elif arguments.json:
            print_json([msgspec.json.encode(comparison)])
        else:
            sys.stdout.write(as_text(comparison, shutil.get_terminal_size((112, 24)).columns))
    judged = metrics or (HEADLINE, SERVING_HEADLINE)
    return _exit_code(comparison, [metric.name for metric in judged], arguments.fail_on)


def _check_output(path: Path) -> None:
    """Refuse a file name that does not name a format.

    Raises:
        UserError: the extension is unknown.
    """
    if path.suffix.lower() not in OUTPUTS:
        raise UserError(f"{path}: unknown file extension {path.suffix!r}; allowed: {', '.join(OUTPUTS)}")


def _write(comparison: Comparison, path: Path) -> None:
    """Write a comparison in the format of the file extension, and print its answer."""
    import msgspec

    from runner.compare.answer import answer_pair, warning_sentences
    from runner.compare.comparison_markdown import as_markdown
    from runner.export import comparison_html
    from runner.export.destination import open_output

    if path.suffix.lower() in (".html", ".htm"):
        comparison_html.write(comparison, path)
    else:
        is_json = path.suffix.lower() == ".json"
        content = msgspec.json.encode(comparison) if is_json else as_markdown(comparison).encode()
        with open_output(path) as out:
            out.write(content)
    for pair in comparison.pairs:
        print(answer_pair(comparison, pair).sentence)
        for sentence in warning_sentences(comparison, pair):
            print(f"! {sentence}")
    print(path, file=sys.stderr)


def _opens_dashboard(arguments: argparse.Namespace) -> bool:
    """Check for a terminal, and for options that the dashboard does not support."""
    from runner.cli.dashboard import has_terminal

    asked = any((arguments.headless, arguments.json, arguments.metrics, arguments.fail_on, arguments.output))
    return not asked and arguments.threshold == DEFAULT_THRESHOLD and has_terminal()


def _exit_code(comparison: Comparison, names: list[str], fail_on: list[str]) -> ExitCode:
    from runner.compare import undecided_changes, worse_changes

    if fail_on and (unfair := [pair for pair in comparison.pairs if not pair.fair]):
        reasons = "; ".join(dict.fromkeys(reason for pair in unfair for reason in pair.unfair_because))
        print(f"trtbench-tui: not comparable, so there is no verdict: {reasons}", file=sys.stderr)
        return ExitCode.UNFAIR
    if "slower" in fail_on and worse_changes(comparison, names):
        print(
            "trtbench-tui: slower; this holds for all shown changes together",
            file=sys.stderr,
        )
        return ExitCode.NOT_MET
    if "inconclusive" in fail_on and (open_questions := undecided_changes(comparison, names)):
        print(f"trtbench-tui: undecided: {'; '.join(open_questions)}", file=sys.stderr)
        return ExitCode.UNDECIDED
    return ExitCode.OK
