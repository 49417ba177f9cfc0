"""Assertions about numbers: `run PROFILE --assert ...` and `check RUN --assert ...`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.options import Commands
from runner.errors import ExitCode, UserError

if TYPE_CHECKING:
    from runner.compare import Side
    from runner.compare.assertion_grammar import Assertion

_GRAMMAR = """\
an assertion is  SUM < SUM  (or <=, >, >=), where a sum is made of + - * / ( ) and
  numbers          60, 0.98, 1.5e3
  metrics          names of the table (tokens_per_sec), and latency_ms.mean .p50 .p95 .p99 .min .max .sd .cv;
                   so for request_latency_ms, ttft_ms and inter_token_latency_ms, as far as there are such
  baseline         the same metric in the baseline of the profile; baseline.NAME another one of it
"""
_EPILOG = """\
exit codes: 0 every assertion holds · 2 bad input · 5 one does not (FAIL)
            6 one cannot be told from these runs (INCONCLUSIVE)

Only runs that finished decide: of one that is under way, was stopped, failed or was lost the numbers are
shown, and the outcome is INCONCLUSIVE (6), never PASS. What speaks against repeats or against the baseline
(another machine, another profile) is said on stderr, as `compare` says it; the assertions are judged still.

For example: latency_ms.p50 < 60 · tokens_per_sec > 0.98 * baseline · latency_ms.p95 / latency_ms.p50 < 1.2
"""


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="whether assertions about the numbers of a run hold",
        description=_GRAMMAR,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("runs", metavar="RUN", help="a run, or repeats that count together: 7f3a,19bc")
    add_option(check, required=True)
    check.add_argument("--json", action="store_true", help="one JSON object a finding")
    check.set_defaults(command=_check)


def add_option(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--assert",
        dest="assertions",
        action="append",
        default=[],
        required=required,
        metavar="EXPR",
        help="e.g. 'latency_ms.p50 < 60' (repeatable); `check --help` explains them and their exit codes",
    )


def parsed(texts: Sequence[str], profile: str) -> list[Assertion]:
    """Assertions before anything starts.

    Raises:
        UserError: one of them is none, or needs a baseline that the profile does not have.
    """
    if not texts:
        return []
    from runner.compare.assertion_grammar import parse

    assertions = [parse(text) for text in texts]
    if any(assertion.needs_baseline for assertion in assertions):
        _baseline(profile)
    return assertions


def judge(assertions: Sequence[Assertion], run_dirs: Sequence[Path], *, as_json: bool) -> ExitCode:
    """Say of each assertion whether it holds for a run, or for repeats together.

    Raises:
        UserError: a run cannot be read, or the baseline is gone.
    """
    import msgspec

    from runner.compare import Run, Side
    from runner.compare.assertions import as_text, check, exit_code

    side, before = Side("this check", tuple(Run(run_dir) for run_dir in run_dirs)), None
    if any(assertion.needs_baseline for assertion in assertions):
        before = Side("the baseline", tuple(Run(one) for one in _baseline(side.runs[0].report.profile)))
    for doubt in _doubts(side, before):
        print(f"trtbench-tui: {doubt}", file=sys.stderr)
    findings = check(assertions, side, before)
    with contextlib.suppress(BrokenPipeError):  # where nobody reads it, the exit code tells
        if as_json:
            for finding in findings:
                line = {"kind": "assertion", **msgspec.to_builtins(finding)}
                sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        else:
            sys.stdout.write(as_text(findings))
    return exit_code(findings)


def _doubts(side: Side, before: Side | None) -> Iterator[str]:
    """What speaks against taking runs for repeats of each other, or against holding them to the baseline."""
    from runner.compare.differences import differences, reasons_against, within

    if before is None:
        yield from within(side)
        return
    for name in sorted({run.name for run in side.runs} & {run.name for run in before.runs}):
        yield f"{name} is of the baseline itself, which tells nothing"
    shapes = [shape for shape in side.shapes if shape in before.shapes]
    for reason in reasons_against(before, side, differences((before, side)), shapes):
        yield f"not fair against the baseline: {reason}"


def _baseline(profile: str) -> list[Path]:
    """The runs of a baseline that an assertion speaks of; it can go away while a run takes its time.

    Raises:
        UserError: there is none, or one of its runs is gone.
    """
    from runner.history import baseline

    found = baseline.of(profile)
    if found is None:
        raise UserError(
            f"an assertion speaks of the baseline, and {profile} has none",
            hint="`trtbench-tui baseline set RUN` makes a run the baseline of its profile",
        )
    return found.run_dirs()


def after(assertions: Sequence[Assertion], run_dirs: Sequence[Path], ended: int, *, as_json: bool) -> int:
    """The exit code of a command that ran something: how it ended, and if well, whether assertions hold.

    Runs that are left running, or did not come to their end, are not judged.
    """
    if not assertions or ended == ExitCode.INTERRUPTED:
        return ended
    from runner.cli.narration import EXIT_CODES
    from runner.report.files import read_summary

    summaries = [read_summary(run_dir) for run_dir in run_dirs]
    if not summaries or any(summary is None for summary in summaries):
        print("the run goes on: its assertions are not judged; `trtbench-tui check` does", file=sys.stderr)
        return ended
    for summary in summaries:
        if summary is not None and summary.status != "finished":
            print(f"assertions are not judged: the run is {summary.status}", file=sys.stderr)
            return ended or EXIT_CODES[summary.status]
    return ended or judge(assertions, run_dirs, as_json=as_json)


def _check(arguments: argparse.Namespace) -> int:
    from runner.compare.sides import named
    from runner.history.reports import load_report

    run_dirs = named(arguments.runs)
    assertions = parsed(arguments.assertions, load_report(run_dirs[0]).profile)
    return judge(assertions, run_dirs, as_json=arguments.json)
