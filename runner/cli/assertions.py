"""The command `check`, and the option `--assert` of `run`: assertions about numbers."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.options import SubCommands
from runner.util.console import print_json
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode, run_exit_code

if TYPE_CHECKING:
    from runner.compare import Side
    from runner.compare.assertion_grammar import Assertion
    from runner.compare.assertions import Finding

_GRAMMAR = """\
Check assertions about the numbers of a run.

An assertion has the form  EXPRESSION < EXPRESSION  (or <=, >, >=). An
expression contains + - * / ( ) and
  numbers    60, 0.98, 1.5e3
  metrics    names from the table (tokens_per_sec), and latency_ms.mean .p50
             .p95 .p99 .min .max .sd .cv; for request_latency_ms, ttft_ms
             and inter_token_latency_ms, where a run has them, .p90, too
  baseline   the same metric in the baseline of the profile; baseline.NAME is
             another metric of it
"""
_EPILOG = """\
examples:
  latency_ms.p50 < 60
  tokens_per_sec > 0.97 * baseline
  latency_ms.p95 / latency_ms.p50 < 1.2

An assertion is about what the profile does on this machine, not about one run
of it. So a number counts with its 95 % interval, in which the variation from
run to run and from day to day is included: from earlier runs of the profile,
from four days on; until then it is assumed (2 %), and only bounds about 4 %
away, or 6 % against a baseline, are decided. What describes one run (counts,
.min .max .sd .cv, drift, throttling) is taken as measured; of repeats, each
run must satisfy it.

A p95 has an upper bound from 72 iterations on, a p99 from 368 on, or where
earlier runs show how it varies. percentile95_ms, reported by the engine, has
the interval of the p95.

Only finished runs can PASS. For a run that is under way, was stopped, failed
or was lost, the numbers are shown and the outcome is INCONCLUSIVE. If the
repeats differ, or the baseline is not comparable (another machine,
another profile), a warning on stderr says so, as in `compare`; the assertions
are still checked.

exit codes:
  0  every assertion holds
  2  bad input
  5  an assertion does not hold (FAIL)
  6  these runs cannot decide an assertion (INCONCLUSIVE)
"""


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="check assertions about the numbers of a run",
        description=_GRAMMAR,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("runs", metavar="RUN", help="a run, or repeats that are evaluated together: 7f3a,19bc")
    add_option(check, required=True)
    check.add_argument("--json", action="store_true", help="print one JSON object per result")
    check.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report")
    check.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        help="also append a table in Markdown, e.g. to $GITHUB_STEP_SUMMARY",
    )
    check.set_defaults(command=_check)


def add_option(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--assert",
        dest="assertions",
        action="append",
        default=[],
        required=required,
        metavar="EXPR",
        help="an assertion, e.g. 'latency_ms.p50 < 60' (repeatable); see `check --help`",
    )


def parse_assertions(texts: Sequence[str], profile: str) -> list[Assertion]:
    """Parse assertions before anything starts.

    Raises:
        UserError: an assertion is not valid, or needs a baseline that the profile does not have.
    """
    if not texts:
        return []
    from runner.compare.assertion_grammar import parse_assertion

    assertions = [parse_assertion(text) for text in texts]
    if any(assertion.needs_baseline for assertion in assertions):
        _baseline(profile)
    return assertions


def check_assertions(
    assertions: Sequence[Assertion],
    run_dirs: Sequence[Path],
    *,
    as_json: bool,
    junit: Path | None = None,
    summary: Path | None = None,
) -> ExitCode:
    """Print whether each assertion holds for a run, or for repeats together, and write the files asked for.

    Raises:
        UserError: a run cannot be read, the baseline is gone, or a file cannot be written.
    """
    import msgspec

    from runner.compare import ComparedRun, Side
    from runner.compare.assertions import as_text, check, exit_code

    side, before = Side("this check", tuple(ComparedRun(run_dir) for run_dir in run_dirs)), None
    if any(assertion.needs_baseline for assertion in assertions):
        before = Side(
            "the baseline", tuple(ComparedRun(one) for one in _baseline(side.runs[0].report.profile))
        )
    for doubt in _doubts(side, before):
        print(f"trtbench-tui: {doubt}", file=sys.stderr)
    findings = check(assertions, side, before)
    _write_reports(findings, side, junit, summary)
    with contextlib.suppress(BrokenPipeError):  # without a reader, the exit code still reports the result
        if as_json:
            for finding in findings:
                line = {"kind": "assertion", **msgspec.to_builtins(finding)}
                print_json([msgspec.json.encode(line)])
        else:
            sys.stdout.write(as_text(findings))
    return exit_code(findings)


def _write_reports(findings: Sequence[Finding], side: Side, junit: Path | None, summary: Path | None) -> None:
    from runner.compare.assertion_reports import as_junit, as_summary

    profile, runs = side.runs[0].report.profile, [run.name for run in side.runs]
    try:
        if junit is not None:
            junit.write_bytes(as_junit(findings, profile, runs))
        if summary is not None:
            with summary.open("a", encoding="utf-8") as file:
                file.write(as_summary(findings, profile, runs))
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be written: {error.strerror}") from None


def _doubts(side: Side, before: Side | None) -> Iterator[str]:
    """Yield why runs are not repeats of each other, or cannot be compared fairly with the baseline."""
    from runner.compare.differences import differences, side_problems, unfairness_reasons

    if before is None:
        yield from side_problems(side)
        return
    for name in sorted({run.name for run in side.runs} & {run.name for run in before.runs}):
        yield f"{name} is itself part of the baseline, so the comparison says nothing"
    shapes = [shape for shape in side.shapes if shape in before.shapes]
    for reason in unfairness_reasons(before, side, differences((before, side)), shapes):
        yield f"not comparable with the baseline: {reason}"


def _baseline(profile: str) -> list[Path]:
    """Return the runs of the baseline that an assertion needs; they may be deleted while a run is under way.

    Raises:
        UserError: there is no baseline, or one of its runs is gone.
    """
    from runner.history import baseline

    found = baseline.find_baseline(profile)
    if found is None:
        raise UserError(
            f"an assertion needs a baseline, and {profile} has none",
            hint="`trtbench-tui baseline set RUN` makes a run the baseline of its profile",
        )
    return found.run_dirs()


def check_ended_runs(
    assertions: Sequence[Assertion], run_dirs: Sequence[Path], ended: int, *, as_json: bool
) -> int:
    """Check the assertions of a command that started runs, and return its exit code.

    If a run is still under way or did not finish, the assertions are not checked and `ended` is returned.

    Args:
        assertions: the assertions.
        run_dirs: the runs that the command started.
        ended: exit code of the command without assertions.
        as_json: print JSON lines instead of text.
    """
    if not assertions or ended == ExitCode.INTERRUPTED:
        return ended
    from runner.report.files import read_summary

    summaries = [read_summary(run_dir) for run_dir in run_dirs]
    if not summaries or any(summary is None for summary in summaries):
        print(
            "the run continues; its assertions are not checked; use `trtbench-tui check` when it has ended",
            file=sys.stderr,
        )
        return ended
    for summary in summaries:
        if summary is not None and summary.status != "finished":
            print(f"assertions are not checked: the run is {summary.status}", file=sys.stderr)
            return ended or run_exit_code(summary.status)
    return ended or check_assertions(assertions, run_dirs, as_json=as_json)


def _check(arguments: argparse.Namespace) -> int:
    from runner.compare.sides import runs_of_side
    from runner.history.reports import load_report

    run_dirs = runs_of_side(arguments.runs)
    assertions = parse_assertions(arguments.assertions, load_report(run_dirs[0]).profile)
    return check_assertions(
        assertions, run_dirs, as_json=arguments.json, junit=arguments.junit, summary=arguments.summary
    )
