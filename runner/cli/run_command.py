"""The command `run`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import assertions as gate
from runner.cli import sweeps
from runner.cli.before_start import check_preflight, name_device_holders
from runner.cli.dashboard import watch
from runner.cli.options import (
    SubCommands,
    add_force_option,
    add_gpu_options,
    add_output_options,
    add_set_option,
)
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.history.labels import Label


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    run = commands.add_parser("run", help="start a run of a profile and watch it")
    run.add_argument("profile", metavar="PROFILE", help="name of a profile or path of its file")
    add_set_option(run, "for this run, e.g. benchmark.num_runs=20")
    run.add_argument(
        "-n",
        "--repeat",
        type=sweeps.positive_count,
        default=1,
        metavar="N",
        help="do N runs, one after the other (default 1)",
    )
    run.add_argument(
        "-d",
        "--detach",
        action="store_true",
        help="do not follow it: print the id of the run, or of the sweep of --repeat, and return",
    )
    run.add_argument("--name", default="", metavar="NAME", help="name of the run, as `rename` gives it")
    run.add_argument(
        "--tag",
        dest="tags",
        action="append",
        default=[],
        metavar="TAG",
        help="tag of the run, as `tag` adds it (repeatable)",
    )
    add_force_option(run)
    run.add_argument(
        "--on-end",
        type=_command,
        metavar="COMMAND",
        help="start this command when the run ends, instead of hooks.on_end of the settings; '' starts"
        " nothing. Its output goes to on-end.log in the directory of the run. If the run is lost, the first"
        " trtbench-tui command that notices it starts COMMAND",
    )
    add_gpu_options(run)
    gate.add_option(run)
    add_output_options(run)
    run.set_defaults(command=_run)


def _command(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}; use the quoting rules of a shell") from None


def _run(arguments: argparse.Namespace) -> int:
    from runner.engines.registry import make_plan
    from runner.history.run_feed import open_feed
    from runner.supervision import launch

    profile = sweeps.load_profile(arguments.profile, arguments.changes)
    assertions = gate.parse_assertions(arguments.assertions, profile.name)
    if arguments.detach and assertions:
        raise UserError(
            "--assert needs the end of the run", hint="`trtbench-tui check RUN --assert ...` later"
        )
    _check_label(arguments)
    if arguments.repeat > 1:
        from runner.history.sweep_lookup import runs_of_sweep
        from runner.sweep.control import repeat_sweep

        if arguments.on_end is not None:
            raise UserError("--on-end does not work with --repeat; set hooks.on_end in the settings")
        sweep = repeat_sweep(profile, arguments.repeat, gpu_hz=arguments.gpu_hz)
        directory = sweeps.begin(sweep, arguments)
        if arguments.detach:
            print(directory.name)
            return ExitCode.OK
        ended = sweeps.follow(directory, arguments)
        measured = [one.run_dir for one in runs_of_sweep(directory.name)]
        return gate.check_ended_runs(assertions, measured, ended, as_json=arguments.json)
    if not arguments.force:
        make_plan(profile)  # its own errors are more precise than those of the checks
        check_preflight(profile)
    name_device_holders(profile)
    run_dir = launch.start(
        profile, gpu_hz=arguments.gpu_hz, on_end=arguments.on_end, checks=not arguments.force
    )
    _put_label(run_dir, arguments)
    if arguments.detach:
        print(run_dir.name)
        return ExitCode.OK
    ended = watch(open_feed(run_dir), arguments)
    return gate.check_ended_runs(assertions, [run_dir], ended, as_json=arguments.json)


def _check_label(arguments: argparse.Namespace) -> None:
    """Check `--name` and `--tag` before anything is started.

    Raises:
        UserError: one of them is invalid, or there is more than one run.
    """
    if not arguments.name and not arguments.tags:
        return
    from runner.history import labels

    if arguments.repeat > 1:
        raise UserError(
            "--name and --tag are for one run", hint="`trtbench-tui tag RUN +TAG` tags each later"
        )
    if problem := labels.label_problem(_label_of(arguments)):
        raise UserError(problem)


def _label_of(arguments: argparse.Namespace) -> Label:
    from runner.history import labels

    return labels.Label(name=arguments.name.strip(), tags=tuple(sorted(set(arguments.tags))))


def _put_label(run_dir: Path, arguments: argparse.Namespace) -> None:
    if arguments.name or arguments.tags:
        from runner.history import labels

        labels.put(run_dir.name, _label_of(arguments))
