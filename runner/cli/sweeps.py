"""Sweeps: start one, alternate two profiles, list, show, stop and resume sweeps."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.dashboard import is_drawn, watch_sweep
from runner.cli.options import Commands, add_gpu_rate, add_output_options
from runner.errors import ExitCode, UserError

if TYPE_CHECKING:
    from runner.schema.base import Profile
    from runner.sweep.spec import Sweep
    from runner.sweep.sweep_feed import SweepFeed

MAX_CELLS = 200


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    sweep = commands.add_parser("sweep", help="measure a profile with every combination of some values")
    sweep.add_argument("profile", metavar="PROFILE", help="name of a profile, or path of its file")
    sweep.add_argument(
        "--axis",
        dest="axes",
        action="append",
        default=[],
        metavar="PATH=VALUES",
        help="a field and its values: parallel.tp=1,2,4 or build.max_batch_size=8..64*2 or ...=0..9+3"
        " (repeatable; joins or replaces the axes of the profile)",
    )
    sweep.add_argument(
        "--repeat", type=count, metavar="N", help="measure every cell N times (default: the profile's, 1)"
    )
    sweep.add_argument(
        "--order",
        choices=("interleaved", "grouped"),
        help="repeats: all cells, then all again (default), or all repeats of a cell together",
    )
    sweep.add_argument(
        "--max-cells", type=count, default=MAX_CELLS, metavar="N", help="refuse more cells (default 200)"
    )
    _add_start_options(sweep)
    sweep.set_defaults(command=_sweep)

    ab = commands.add_parser("ab", help="measure two profiles in turn, A B A B, so that drift reaches both")
    ab.add_argument("profiles", nargs="+", metavar="PROFILE", help="two profiles, or more")
    ab.add_argument("--repeat", type=count, default=3, metavar="N", help="runs of each (default 3)")
    _add_start_options(ab)
    ab.set_defaults(command=_ab)

    parser = commands.add_parser("sweeps", help="list, show, stop and resume sweeps")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    ls = actions.add_parser("ls", help="all sweeps, newest first")
    ls.add_argument("--json", action="store_true", help="one JSON object a line")
    ls.set_defaults(command=_ls)
    show = actions.add_parser("show", help="print the matrix of a sweep as it stands")
    show.add_argument("sweep", metavar="SWEEP")
    show.add_argument(
        "--metric", action="append", default=[], metavar="METRIC", help="which, e.g. latency_ms (repeatable)"
    )
    show.add_argument("--json", action="store_true", help="the board as one JSON object")
    show.set_defaults(command=_show)
    stop = actions.add_parser("stop", help="stop a sweep and its run; leaves no process")
    stop.add_argument("sweep", metavar="SWEEP")
    stop.set_defaults(command=_stop)
    resume = actions.add_parser("resume", help="go on with a sweep; what was measured is kept")
    resume.add_argument("sweep", metavar="SWEEP")
    resume.add_argument("--failed", action="store_true", help="measure again what failed")
    add_output_options(resume)
    resume.set_defaults(command=_resume)


def _add_start_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change a field in all of its runs (repeatable)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the cells and start nothing")
    parser.add_argument("--stop-on-failure", action="store_true", help="end the sweep when a run fails")
    parser.add_argument("--anyway", action="store_true", help="start also when a preflight check fails")
    add_gpu_rate(parser)
    parser.add_argument(
        "--no-gpu", dest="gpu_hz", action="store_const", const=0.0, help="do not read the GPUs at all"
    )
    add_output_options(parser)


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _profile(name: str, changes: list[str]) -> Profile:
    from runner.profile import file as profile_file
    from runner.profile import store as profile_store

    profile = profile_store.find(name).load()
    return profile_file.with_changes(profile, changes) if changes else profile


def _sweep(arguments: argparse.Namespace) -> int:
    from runner.sweep import control
    from runner.sweep.spec import axes_of

    profile = _profile(arguments.profile, arguments.changes)
    sweep = control.of_profile(
        profile,
        axes_of(profile, arguments.axes),
        repeat=arguments.repeat,
        order=arguments.order,
        max_cells=arguments.max_cells,
        stop_on_failure=arguments.stop_on_failure,
        gpu_hz=arguments.gpu_hz,
    )
    if arguments.dry_run:
        return _show_cells(sweep)
    return start(sweep, arguments)


def _ab(arguments: argparse.Namespace) -> int:
    from runner.sweep import control

    if len(arguments.profiles) < 2:
        raise UserError(
            "ab takes two profiles or more", hint="`trtbench-tui run PROFILE --repeat N` repeats one profile"
        )
    profiles = [_profile(name, arguments.changes) for name in arguments.profiles]
    sweep = control.of_profiles(
        profiles, arguments.repeat, stop_on_failure=arguments.stop_on_failure, gpu_hz=arguments.gpu_hz
    )
    if arguments.dry_run:
        return _show_cells(sweep)
    directory = begin(sweep, arguments)
    ended = follow(directory, arguments)
    if ended == ExitCode.INTERRUPTED or is_drawn(arguments) or not directory.is_dir():
        return ended
    return _compare(directory, arguments, ended)


def _compare(directory: Path, arguments: argparse.Namespace, ended: int) -> int:
    """What the profiles that were measured in turn amount to, each against the first."""
    import msgspec

    from runner.compare import as_text, compare, sides
    from runner.sweep import control

    progress = control.read(directory)
    if progress.status == "interrupted":
        return ended
    names = [name for cell in progress.sweep.cells if (name := progress.measured_runs(cell.number))]
    if len(names) < 2:
        print("nothing to compare: fewer than two profiles were measured", file=sys.stderr)
        return ended
    comparison = compare(sides(names))
    if arguments.json:
        plain = {"kind": "comparison", **msgspec.to_builtins(comparison)}
        sys.stdout.buffer.write(msgspec.json.encode(plain) + b"\n")
    else:
        sys.stdout.write("\n" + as_text(comparison, shutil.get_terminal_size((112, 24)).columns))
    sys.stdout.flush()
    return ended


def start(sweep: Sweep, arguments: argparse.Namespace) -> int:
    """Start a sweep and watch it; with the options that `run`, `sweep` and `ab` share."""
    return follow(begin(sweep, arguments), arguments)


def begin(sweep: Sweep, arguments: argparse.Namespace) -> Path:
    """Start a sweep; its directory."""
    from runner.sweep import control

    if not arguments.anyway:
        _refuse_what_would_fail(sweep)
    return control.start(sweep)


def follow(directory: Path, arguments: argparse.Namespace) -> int:
    """Watch a sweep."""
    from runner.sweep.sweep_feed import SweepFeed

    return watch_sweep(SweepFeed(directory), arguments)


def _refuse_what_would_fail(sweep: Sweep) -> None:
    """Preflight of every kind of cell: better a sentence now than a failure in the middle of the night."""
    from runner import preflight
    from runner.profile.file import load_text
    from runner.sweep.spec import label

    looked_at = set()
    for cell in sweep.cells:
        if cell.refused:
            continue
        profile = load_text(cell.profile, "cell")
        # What preflight depends on that cells usually share; asking costs a second each.
        needs = repr((profile.engine, getattr(profile, "parallel", None), profile.launch))
        if needs in looked_at:
            continue
        looked_at.add(needs)
        failing = [check for check in preflight.check(profile) if check.verdict == "fail"]
        if failing:
            where = label(cell.values)
            raise UserError(
                f"{where + ': ' if where else ''}the run would fail:\n{preflight.render(failing)}".rstrip(),
                hint="--anyway starts it nevertheless; `doctor` shows all checks",
            )


def named(name: str) -> SweepFeed | None:
    """The sweep that a user calls so; None: there is none, or several."""
    from runner.sweep import directory
    from runner.sweep.sweep_feed import SweepFeed

    try:
        return SweepFeed(directory.find(name))
    except UserError:
        return None


def _show_cells(sweep: Sweep) -> int:
    from runner.sweep.shared_artifacts import sharing
    from runner.sweep.spec import label
    from runner.util.formatting import plural as counted

    for cell in sweep.cells:
        configurations = counted(len(cell.configurations), "configuration")
        measured = f"impossible: {cell.refused}" if cell.refused else configurations
        measured += f"; not all: {cell.left_out}" if cell.left_out else ""
        print(f"{cell.number + 1:>4}  {label(cell.values) or 'the profile as it is'}: {measured}")
    slots = sweep.slots()
    print(f"{counted(len(slots), 'run')}, {sweep.order}, one after the other")
    if shared := sharing(sweep):
        print(shared)
    return ExitCode.OK


def _ls(arguments: argparse.Namespace) -> int:
    import msgspec

    from runner.run.layout import list_sweeps
    from runner.sweep import board_text as text
    from runner.sweep.board import Board
    from runner.sweep.sweep_feed import SweepFeed

    boards: list[Board | str] = []
    for path in list_sweeps():
        try:
            feed = SweepFeed(path)
            feed.drain()
            boards.append(feed.board(numbers=False))
        except UserError as error:
            boards.append(str(error))
    if not arguments.json:
        sys.stdout.write(text.list_text(boards))
        return ExitCode.OK
    for board in boards:
        if isinstance(board, str):
            print(f"note: {board}", file=sys.stderr)
        else:
            plain = text.as_json(board)
            del plain["points"], plain["kind"]
            sys.stdout.write(msgspec.json.encode(plain).decode() + "\n")
    return ExitCode.OK


def _show(arguments: argparse.Namespace) -> int:
    from runner.cli import sweep_narration
    from runner.metrics.lookup import find
    from runner.sweep import directory
    from runner.sweep.sweep_feed import SweepFeed

    wanted = [find(name) for name in arguments.metric]
    feed = SweepFeed(directory.find(arguments.sweep))
    feed.drain()
    sweep_narration.show(feed.board(), as_json=arguments.json, wanted=wanted)
    return ExitCode.OK


def _stop(arguments: argparse.Namespace) -> int:
    from runner.sweep import control, directory
    from runner.sweep.progress import ENDED

    path = directory.find(arguments.sweep)
    before = control.read(path).status
    if before in ENDED and before != "interrupted":
        print(f"{path.name} has ended already: {before}", file=sys.stderr)
        return ExitCode.OK
    print(f"{path.name} {control.stop(path, 'trtbench-tui sweeps stop').status}", file=sys.stderr)
    return ExitCode.OK


def _resume(arguments: argparse.Namespace) -> int:
    from runner.sweep import control, directory
    from runner.sweep.sweep_feed import SweepFeed

    path = directory.find(arguments.sweep)
    feed = SweepFeed(path)
    feed.drain()  # what happened before is on the board at the end; told is what happens from now on
    control.resume(path, failed_too=arguments.failed)
    return watch_sweep(feed, arguments)
