"""The commands `attach`, `stop`, `show` and `replay`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runner.cli.dashboard import watch, watch_run, watch_sweep
from runner.cli.options import (
    SubCommands,
    add_output_options,
    add_run,
    output_file,
)
from runner.util import imports
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

MAX_PORT = 65535
SLOWEST, FASTEST = 0.01, 10_000.0
"""Speeds of a replay, times as fast as the run."""


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    attach = commands.add_parser(
        "attach",
        help="watch a run or a sweep",
        description="Watch a run or a sweep, as often and from as many terminals as you like.",
    )
    add_run(attach, "RUN|SWEEP")
    add_output_options(attach)
    attach.add_argument(
        "--prometheus",
        type=_prometheus,
        metavar="FILE.prom|:PORT",
        help="no dashboard; while the run continues, update a file for the textfile collector, or serve the"
        " metrics at http://127.0.0.1:PORT/metrics (needs the extra `prometheus`)",
    )
    attach.set_defaults(command=_attach, on_hosts="attach")

    stop = commands.add_parser("stop", help="stop a run and all its processes")
    add_run(stop)
    stop.add_argument("--all", action="store_true", help="stop all sweeps and all runs of this machine")
    stop.set_defaults(command=_stop, on_hosts="stop")

    show = commands.add_parser("show", help="print the final table of a run")
    add_run(show)
    show.add_argument("--json", action="store_true", help="print the report as one JSON object")
    show.set_defaults(command=_show, on_hosts="run")

    replay = commands.add_parser("replay", help="play back a run as it happened")
    add_run(replay)
    replay.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="N times as fast (default 1)")
    add_output_options(replay)
    replay.set_defaults(command=_replay, on_hosts="run")


def _prometheus(text: str) -> Path | int:
    port = text.removeprefix(":")
    if port == text:
        return output_file(text)
    if not port.isdecimal() or int(port) > MAX_PORT:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port; allowed: :0 (any free port) to :{MAX_PORT}"
        )
    return int(port)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not SLOWEST <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a speed; allowed: a number from {SLOWEST} to {FASTEST:.0f}"
        )
    return speed


def _attach(arguments: argparse.Namespace) -> int:
    with imports.uncollected():
        from runner.history.lookup import find_run

    try:
        run_dir = find_run(arguments.run)
    except UserError:
        from runner.cli import sweeps

        sweep = sweeps.find_sweep(arguments.run)
        if sweep is None:
            raise
        return watch_sweep(sweep, arguments)
    return watch_run(run_dir, arguments)


def _replay(arguments: argparse.Namespace) -> int:
    from runner.history.lookup import find_run
    from runner.history.run_feed import open_replay

    return watch(open_replay(find_run(arguments.run), arguments.speed), arguments)


def _stop_all() -> int:
    """Stop sweeps before runs: the runner of a sweep would start its next run."""
    from runner.history.reader import read_entries
    from runner.history.stop import stop_run
    from runner.run.layout import list_sweeps
    from runner.sweep import control
    from runner.util.processes import user_name

    by = f"{user_name()}, with trtbench-tui stop --all"
    stopped = 0
    for sweep in list_sweeps():
        if control.is_running(sweep):
            print(f"{sweep.name} {control.stop_sweep(sweep, by).status}", file=sys.stderr)
            stopped += 1
    for entry in read_entries():
        if not entry.ended and not entry.foreign:
            print(f"{entry.run_dir.name} {stop_run(entry.run_dir, by).status}", file=sys.stderr)
            stopped += 1
    if not stopped:
        print("nothing is running", file=sys.stderr)
    return ExitCode.OK


def _stop(arguments: argparse.Namespace) -> int:
    if arguments.all:
        if arguments.run != "last":
            raise UserError("--all stops every run; leave out the run, or --all")
        return _stop_all()
    from runner.history.lookup import find_run
    from runner.history.run_entry import read_entry
    from runner.history.stop import stop_run
    from runner.util.processes import user_name

    run_dir = find_run(arguments.run)
    if read_entry(run_dir).ended:
        print(f"{run_dir.name} has already ended", file=sys.stderr)
        return ExitCode.OK
    by = f"{user_name()}, with trtbench-tui stop"
    print(f"{run_dir.name} {stop_run(run_dir, by).status}", file=sys.stderr)
    return ExitCode.OK


def _show(arguments: argparse.Namespace) -> int:
    from runner.cli.narration import print_report
    from runner.compare.report_context import in_context
    from runner.history.lookup import find_run
    from runner.history.reports import load_report
    from runner.run import layout

    run_dir = find_run(arguments.run)
    found = layout.mask_of_run(run_dir).masked(in_context(load_report(run_dir), run_dir))
    print_report(found, as_json=arguments.json)
    return ExitCode.OK
