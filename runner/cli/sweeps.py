"""The commands `sweep`, `ab` and `sweeps`, and the helpers of everything that starts a sweep."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.before_start import check_preflight, name_device_holders
from runner.cli.dashboard import is_drawn, watch_sweep
from runner.cli.options import (
    SubCommands,
    add_force_option,
    add_gpu_options,
    add_output_options,
    add_set_option,
)
from runner.util.console import print_json
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.schema.base import Profile
    from runner.sweep.spec import SweepSpec
    from runner.sweep.sweep_feed import SweepFeed
    from runner.sweep.sweep_list import ListedSweep

MAX_CELLS = 200


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    sweep = commands.add_parser("sweep", help="measure a profile with every combination of some values")
    sweep.add_argument("profile", metavar="PROFILE", help="name of a profile or path of its file")
    sweep.add_argument(
        "--axis",
        dest="axes",
        action="append",
        default=[],
        metavar="PATH=VALUES",
        help="a field and its values: parallel.tp=1,2,4 or build.max_batch_size=8..64*2 or model.seed=0..9+3"
        " (repeatable; added to the axes of the profile, or replaces an axis of the same field)",
    )
    sweep.add_argument(
        "-n",
        "--repeat",
        type=positive_count,
        metavar="N",
        help="measure every cell N times (default: as in the profile, else 1)",
    )
    sweep.add_argument(
        "--order",
        choices=("interleaved", "grouped"),
        help="order of the repeats: all cells in turn (default), or all repeats of a cell together",
    )
    sweep.add_argument(
        "--jobs",
        type=positive_count,
        metavar="N",
        help="with launch.slurm: submit at most N jobs at a time (default: as in the profile, else 1)",
    )
    sweep.add_argument(
        "--max-cells",
        type=positive_count,
        default=MAX_CELLS,
        metavar="N",
        help="refuse a sweep of more cells (default 200)",
    )
    _add_start_options(sweep)
    sweep.set_defaults(command=_sweep)

    ab = commands.add_parser(
        "ab",
        help="measure two or more profiles in turn: A B B A",
        description="Measure two or more profiles in turn (A B B A) and compare them. Every second pass is"
        " reversed, and the comparison removes a straight line over time: slow drift of the machine cancels.",
    )
    ab.add_argument("profiles", nargs="+", metavar="PROFILE", help="two or more profiles")
    ab.add_argument(
        "-n", "--repeat", type=positive_count, default=3, metavar="N", help="runs of each profile (default 3)"
    )
    _add_start_options(ab)
    ab.set_defaults(command=_ab)

    parser = commands.add_parser("sweeps", help="list, show, stop and resume sweeps")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    ls = actions.add_parser("ls", help="list all sweeps, newest first")
    ls.add_argument("--json", action="store_true", help="print one JSON object per line")
    ls.set_defaults(command=_ls, on_hosts="list sweeps")
    show = actions.add_parser("show", help="print the current matrix of a sweep")
    show.add_argument("sweep", metavar="SWEEP")
    show.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="METRIC",
        help="show this metric, e.g. latency_ms (repeatable)",
    )
    show.add_argument(
        "--per",
        choices=("gpu", "system"),
        default="gpu",
        help="Pareto-optimal by tokens/s per GPU (default), or by total tokens/s",
    )
    show.add_argument("--json", action="store_true", help="print the matrix as one JSON object")
    show.set_defaults(command=_show, on_hosts="show sweep")
    stop = actions.add_parser("stop", help="stop a sweep, its run and all their processes")
    stop.add_argument("sweep", metavar="SWEEP")
    stop.set_defaults(command=_stop, on_hosts="stop sweep")
    resume = actions.add_parser("resume", help="continue a sweep; existing results are kept")
    resume.add_argument("sweep", metavar="SWEEP")
    resume.add_argument("--failed", action="store_true", help="also repeat the cells that failed")
    add_output_options(resume)
    resume.set_defaults(command=_resume, on_hosts="resume sweep")


def _add_start_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stop-on-failure", action="store_true", help="stop the sweep when a run fails")
    add_start_options(parser, "show the cells; start nothing")


def add_start_options(parser: argparse.ArgumentParser, dry_run: str) -> None:
    """Add the options of all commands that start a sweep; `dry_run` is the help of `--dry-run`."""
    add_set_option(parser, "in all runs")
    parser.add_argument("--dry-run", action="store_true", help=dry_run)
    add_force_option(parser)
    add_gpu_options(parser)
    add_output_options(parser)


def positive_count(text: str) -> int:
    """Convert the value of an option that counts from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def load_profile(name: str, changes: list[str]) -> Profile:
    """Return a profile with the changes of `--set`."""
    from runner.profile import store as profile_store
    from runner.profile.set_fields import with_changes

    profile = profile_store.find(name).load()
    return with_changes(profile, changes) if changes else profile


def _sweep(arguments: argparse.Namespace) -> int:
    from runner.sweep import control
    from runner.sweep.spec import axes_of

    profile = load_profile(arguments.profile, arguments.changes)
    sweep = control.axis_sweep(
        profile,
        axes_of(profile, arguments.axes),
        repeat=arguments.repeat,
        order=arguments.order,
        max_cells=arguments.max_cells,
        stop_on_failure=arguments.stop_on_failure,
        gpu_hz=arguments.gpu_hz,
        jobs=arguments.jobs,
    )
    if arguments.dry_run:
        return _show_cells(sweep)
    return start(sweep, arguments)


def _ab(arguments: argparse.Namespace) -> int:
    from runner.sweep import control

    if len(arguments.profiles) < 2:
        raise UserError(
            "ab needs two or more profiles", hint="`trtbench-tui run PROFILE --repeat N` repeats one profile"
        )
    profiles = [load_profile(name, arguments.changes) for name in arguments.profiles]
    sweep = control.ab_sweep(
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
    """Compare each profile that was measured with the first one, and print the result."""
    import msgspec

    from runner.compare import as_text, compare, load_sides
    from runner.sweep import control

    progress = control.read_progress(directory)
    if progress.status == "interrupted":
        return ended
    names = [name for cell in progress.sweep.cells if (name := progress.measured_runs(cell.number))]
    if len(names) < 2:
        print("nothing to compare: fewer than two profiles were measured", file=sys.stderr)
        return ended
    comparison = compare(load_sides(names))
    if arguments.json:
        plain = {"kind": "comparison", **msgspec.to_builtins(comparison)}
        print_json([msgspec.json.encode(plain)])
    else:
        sys.stdout.write("\n" + as_text(comparison, shutil.get_terminal_size((112, 24)).columns))
    sys.stdout.flush()
    return ended


def start(sweep: SweepSpec, arguments: argparse.Namespace) -> int:
    """Start a sweep and watch it, with the options that `run`, `sweep` and `ab` share."""
    return follow(begin(sweep, arguments), arguments)


def begin(sweep: SweepSpec, arguments: argparse.Namespace) -> Path:
    """Start a sweep and return its directory."""
    from msgspec.structs import replace

    from runner.profile.yaml_file import load_text
    from runner.sweep import control

    if arguments.force:
        sweep = replace(sweep, preflight=False)
    else:
        _check_cells(sweep)
    first = next((cell for cell in sweep.cells if not cell.refused), None)
    if first is not None:
        name_device_holders(load_text(first.profile, "cell"))
    return control.start_sweep(sweep)


def follow(directory: Path, arguments: argparse.Namespace) -> int:
    """Watch a sweep."""
    from runner.sweep.sweep_feed import SweepFeed

    return watch_sweep(SweepFeed(directory), arguments)


def _check_cells(sweep: SweepSpec) -> None:
    """Run the preflight checks of every kind of cell, so that nothing predictable fails hours later.

    Raises:
        UserError: a check fails.
    """
    from runner.profile.yaml_file import load_text
    from runner.schema.axes import cell_label

    checked = set()
    for cell in sweep.cells:
        if cell.refused:
            continue
        profile = load_text(cell.profile, "cell")
        # Preflight takes a second; cells usually share everything that it depends on.
        needs = repr((profile.engine, getattr(profile, "parallel", None), profile.launch))
        if needs in checked:
            continue
        checked.add(needs)
        check_preflight(profile, cell_label(cell.values))


def find_sweep(name: str) -> SweepFeed | None:
    """Return the sweep that a user names; None if there is none or more than one."""
    from runner.history import sweep_lookup
    from runner.sweep.sweep_feed import SweepFeed

    try:
        return SweepFeed(sweep_lookup.find_sweep(name))
    except UserError:
        return None


def _show_cells(sweep: SweepSpec) -> int:
    from runner.schema.axes import cell_label
    from runner.sweep.shared_artifacts import describe_shared_artifacts
    from runner.util.formatting import plural

    for cell in sweep.cells:
        configurations = plural(len(cell.configurations), "configuration")
        measured = f"impossible: {cell.refused}" if cell.refused else configurations
        measured += f"; not all: {cell.left_out}" if cell.left_out else ""
        print(f"{cell.number + 1:>4}  {cell_label(cell.values) or 'the profile without changes'}: {measured}")
    slots = sweep.slots()
    how = f"in at most {plural(sweep.jobs, 'job')} of Slurm" if sweep.jobs else "one after the other"
    print(f"{plural(len(slots), 'run')}, {sweep.order}, {how}")
    if shared := describe_shared_artifacts(sweep):
        print(shared)
    return ExitCode.OK


def _ls(arguments: argparse.Namespace) -> int:
    from runner.sweep.sweep_list import read_sweeps

    found = read_sweeps()
    print_list(found.sweeps, found.unreadable, arguments)
    return ExitCode.OK


def print_list(
    sweeps: Sequence[ListedSweep],
    unreadable: Sequence[str],
    arguments: argparse.Namespace,
    hosts: Sequence[str] | None = None,
) -> None:
    """Print sweeps with the options of `sweeps ls`.

    Args:
        sweeps: what to list.
        unreadable: a sentence for each that cannot be read.
        arguments: the options.
        hosts: the machine of each sweep, which then is a column; None: all are of this machine.
    """
    import msgspec

    from runner.sweep import sweep_list

    if not arguments.json:
        nothing = "no sweeps\n" if hosts is not None else "" if unreadable else sweep_list.NO_SWEEPS
        sys.stdout.write(sweep_list.list_text(sweeps, hosts) if sweeps else nothing)
        sys.stdout.writelines(f"{sentence}\n" for sentence in unreadable)
        return
    for index, sweep in enumerate(sweeps):
        whose = {"from": hosts[index]} if hosts is not None else {}
        print_json([msgspec.json.encode({**sweep_list.plain_entry(sweep), **whose})])
    for sentence in unreadable:
        print(f"note: {sentence}", file=sys.stderr)


def _show(arguments: argparse.Namespace) -> int:
    from runner.cli import sweep_narration
    from runner.history import sweep_lookup
    from runner.metrics.lookup import find_metric
    from runner.sweep.sweep_feed import SweepFeed

    wanted = [find_metric(name) for name in arguments.metric]
    feed = SweepFeed(sweep_lookup.find_sweep(arguments.sweep))
    feed.drain()
    sweep_narration.print_result(feed, as_json=arguments.json, wanted=wanted, per=arguments.per)
    return ExitCode.OK


def _stop(arguments: argparse.Namespace) -> int:
    from runner.history import sweep_lookup
    from runner.sweep import control
    from runner.sweep.progress import ENDED
    from runner.util.processes import user_name

    path = sweep_lookup.find_sweep(arguments.sweep)
    before = control.read_progress(path).status
    if before in ENDED and before != "interrupted":
        print(f"{path.name} has already ended: {before}", file=sys.stderr)
        return ExitCode.OK
    by = f"{user_name()}, with trtbench-tui sweeps stop"
    print(f"{path.name} {control.stop_sweep(path, by).status}", file=sys.stderr)
    return ExitCode.OK


def _resume(arguments: argparse.Namespace) -> int:
    from runner.history import sweep_lookup
    from runner.sweep import control
    from runner.sweep.sweep_feed import SweepFeed

    path = sweep_lookup.find_sweep(arguments.sweep)
    feed = SweepFeed(path)
    feed.drain()  # earlier entries appear in the final matrix only; new ones are reported
    control.resume_sweep(path, failed_too=arguments.failed)
    return watch_sweep(feed, arguments)
