"""The command `tune`."""

from __future__ import annotations

import argparse

from runner.cli import sweeps
from runner.cli.options import SubCommands
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode
from runner.util.formatting import plural


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    tune = commands.add_parser(
        "tune",
        help="find the options of a profile that are best for an objective",
        description="Find the values of tune.axes in the profile (without them: of the engine's default axes)"
        " that are best for an objective, within constraints. Every trial is a run. At the end, the best"
        " point is measured alternately with the profile as it is (A B B A), and saved as a profile."
        " docs/tuning.md explains it.",
    )
    tune.add_argument("profile", metavar="PROFILE", help="name of a profile or path of its file")
    tune.add_argument(
        "--objective",
        dest="objectives",
        action="append",
        default=[],
        metavar="METRIC",
        help="what is improved, e.g. tokens_per_sec (repeatable: several give a Pareto front, and the first"
        " chooses the best point)",
    )
    tune.add_argument(
        "--subject-to",
        dest="constraints",
        action="append",
        default=[],
        metavar="BOUND",
        help="a bound that the best point must meet, e.g. 'latency_ms.p95 < 2000' (repeatable)",
    )
    limit = tune.add_mutually_exclusive_group()
    limit.add_argument(
        "--trials",
        type=_trials,
        metavar="N",
        help="maximum number of runs of the search (default 40); the final comparison takes six more",
    )
    limit.add_argument(
        "--budget",
        type=_budget,
        default=0.0,
        metavar="TIME",
        help="maximum time for everything: 4h, 90m, 1h30m",
    )
    sweeps.add_start_options(tune, "show the search space; start nothing")
    tune.set_defaults(command=_tune)


def _trials(text: str) -> int:
    from runner.sweep.tune.definition import MOST_TRIALS

    count = sweeps.positive_count(text)
    if count > MOST_TRIALS:
        raise argparse.ArgumentTypeError(f"{text} is too many; allowed: 1 to {MOST_TRIALS}")
    return count


def _budget(text: str) -> float:
    from runner.sweep.tune.definition import parse_budget

    try:
        seconds = parse_budget(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; allowed: like 4h, 90m, 1h30m")
    return seconds


def _tune(arguments: argparse.Namespace) -> int:
    from runner.sweep.tune.definition import define_tuning

    if not arguments.objectives:
        raise UserError(
            "tune needs an objective", hint="--objective tokens_per_sec, or any other metric that is judged"
        )
    profile = sweeps.load_profile(arguments.profile, arguments.changes)
    sweep = define_tuning(
        profile,
        arguments.objectives,
        arguments.constraints,
        trials=arguments.trials,
        budget_s=arguments.budget,
        preflight=not arguments.force,
        gpu_hz=arguments.gpu_hz,
    )
    if arguments.dry_run:
        assert sweep.tune is not None
        for axis in sweep.axes:
            print(f"{axis.path}: {', '.join(axis.values)}")
        from runner.sweep.tune.measured import question_of

        points = len(question_of(sweep.tune).points)
        print(f"{plural(points, 'point')}, at most {plural(sweep.tune.trials, 'run')} of the search")
        return ExitCode.OK
    return sweeps.start(sweep, arguments)
