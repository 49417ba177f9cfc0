"""`--host`: commands on the runs of other machines.

A run that a command names is copied first; the command then reads the copy like a run of this machine.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import fleet_sweeps
from runner.cli.dashboard import (
    draw,
    is_drawn,
    open_at,
    open_dashboard,
    prepare_drawing,
    watch_sweep,
)
from runner.cli.options import OnHosts
from runner.cli.places import FleetPlace, sweep_place
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.fleet.fleet import Fleet
    from runner.fleet.found import FoundRun
    from runner.history.run_entry import RunEntry

ALL = 20_000
"""ended runs of a host that a command looks through"""
_ON_SWEEPS: tuple[OnHosts, ...] = ("list sweeps", "show sweep", "stop sweep", "resume sweep")
"""commands that look through the sweeps as well: one may have no run yet"""


def run_on_hosts(arguments: argparse.Namespace) -> int:
    """Run a command on the hosts of `--host`.

    Raises:
        UserError: no host answers, there is no such run, or the command works on this machine only.
    """
    from runner.fleet.fleet import opened
    from runner.fleet.hosts import chosen_hosts

    hosts = chosen_hosts(arguments.hosts)
    if not hosts:
        raise UserError("--host names no host, and the settings list none", hint="--host user@box,box2")
    if arguments.command is open_dashboard:
        return open_at(FleetPlace(arguments.hosts), arguments)
    on_hosts: OnHosts | None = arguments.on_hosts
    if on_hosts is None:
        able = (
            "ls, attach, stop, show, compare, export, replay, logs, wait, archive, and sweeps ls, show,"
            " stop and resume"
        )
        raise UserError(
            f"this command does not take --host; {able} do, and the dashboard",
            hint="`ssh HOST trtbench-tui ...` runs any command on the other machine",
        )
    lists_sweeps = on_hosts == "list sweeps"
    newest, sweeps = 0 if lists_sweeps else ALL, on_hosts in _ON_SWEEPS
    with opened(hosts, newest=newest, list_every_s=math.inf, sweeps=sweeps) as fleet:
        unlisted = fleet.wait_for_lists()
        for host, reason in unlisted.items():
            print(f"trtbench-tui: {host}: {reason}", file=sys.stderr)
        if len(unlisted) == len(hosts):
            return ExitCode.BAD_INPUT
        if on_hosts in ("list", "list sweeps"):
            listed = (fleet_sweeps.list_sweeps if lists_sweeps else _list)(fleet, arguments)
            return ExitCode.BAD_INPUT if unlisted else listed
        if on_hosts in ("stop", "stop sweep"):
            return (_stop if on_hosts == "stop" else fleet_sweeps.stop)(fleet, arguments)
        sweep = _copy_named(fleet, arguments, on_hosts)
        if sweep is None:
            run_command: Callable[[argparse.Namespace], int] = arguments.command
            return run_command(arguments)
        if not is_drawn(arguments):
            from runner.sweep.sweep_feed import SweepFeed

            return watch_sweep(SweepFeed(sweep), arguments)
    # The dashboard has links of its own.
    prepare_drawing(arguments)
    return draw(sweep_place(sweep, arguments.hosts))


def _list(fleet: Fleet, arguments: argparse.Namespace) -> int:
    from runner.cli.history import list_runs
    from runner.fleet.fleet import check_disk_unused
    from runner.history.sweep_fold import SweepFold

    check_disk_unused(" ".join(arguments.filter), asked=arguments.disk or arguments.sort == "disk")
    found = {run.entry.run_dir: run for run in fleet.runs()}
    entries = sorted(
        (run.entry for run in found.values()), key=lambda entry: (entry.started, entry.run), reverse=True
    )

    def host_of(entry: RunEntry) -> str:
        first = entry.runs[0] if isinstance(entry, SweepFold) else entry
        return found[first.run_dir].host

    return list_runs(arguments, entries, host_of)


def _stop(fleet: Fleet, arguments: argparse.Namespace) -> int:
    from runner.run.liveness import host_name
    from runner.util.processes import user_name

    if arguments.all:
        raise UserError(
            "--all stops the runs of one machine", hint="`ssh HOST trtbench-tui stop --all` stops all there"
        )
    found = fleet.find(arguments.run)
    if found.entry.ended:
        print(f"{found.host}:{found.id} has already ended", file=sys.stderr)
        return ExitCode.OK
    status = fleet.stop_and_wait(found, f"{user_name()} on {host_name()}, with trtbench-tui stop")
    print(f"{found.host}:{found.id} {status}", file=sys.stderr)
    return ExitCode.OK


def _copy_named(fleet: Fleet, arguments: argparse.Namespace, on_hosts: OnHosts) -> Path | None:
    """Replace the names of runs and sweeps in the arguments by the directories of their copies.

    Return the copy of the sweep that the command watches; None: it does something else.
    """
    if on_hosts == "sides":
        arguments.sides = _sides(fleet, arguments.sides)
    elif on_hosts == "side":
        arguments.run = _side(fleet, arguments.run) if arguments.run is not None else None
    elif on_hosts == "show sweep":
        arguments.sweep = str(fleet_sweeps.copy(fleet, fleet.find_sweep(arguments.sweep)))
    elif on_hosts == "resume sweep":
        return fleet_sweeps.resume(fleet, arguments)
    else:
        try:
            found = fleet.find(arguments.run)
        except UserError:
            if on_hosts == "attach" and (sweep := _sweep(fleet, arguments.run)) is not None:
                return sweep
            raise
        arguments.run = str(_copy(fleet, found, whole=on_hosts == "run" or found.entry.ended))
    return None


def _sweep(fleet: Fleet, name: str) -> Path | None:
    """Copy the sweep that a user names; None: there is none."""
    try:
        found = fleet.find_sweep(name)
    except UserError:
        return None
    return fleet_sweeps.copy(fleet, found)


def _sides(fleet: Fleet, sides: list[str]) -> list[str]:
    """Return the sides of a comparison with directories instead of names.

    A single one is a sweep, whose cells are the sides; without such a sweep there, it may be one of here.
    """
    from runner.compare.sides import sides_of_sweep

    if len(sides) != 1:
        return [_side(fleet, side) for side in sides]
    try:
        sweep = fleet.find_sweep(sides[0])
    except UserError:
        return sides
    found = {run.id: run for run in sweep.runs}
    cells = sides_of_sweep(sweep.id, [run.entry for run in sweep.runs])
    return [_copied_side(fleet, [found[entry.run] for entry in cell]) for cell in cells]


def _side(fleet: Fleet, side: str) -> str:
    """Return a side of a comparison with directories instead of names; its runs may also be of here."""
    from runner.compare.sides import runs_of_side

    if fleet.is_filter(side):
        try:
            found = fleet.find_finished(side)
        except UserError as unknown:
            try:
                return ",".join(map(str, runs_of_side(side)))
            except UserError:
                raise unknown from None
        return _copied_side(fleet, found)
    names = [name.strip() for name in side.split(",")]
    return ",".join(str(_copied_or_own(fleet, name)) for name in names)


def _copied_side(fleet: Fleet, runs: Sequence[FoundRun]) -> str:
    """Copy runs; return them as a side of a comparison."""
    copies = fleet.copy_all([(run.host, run.id) for run in runs], whole=True)
    assert copies is not None, "nothing cancels it"
    return ",".join(map(str, copies))


def _copied_or_own(fleet: Fleet, name: str) -> Path:
    from runner.history.lookup import find_run

    try:
        found: FoundRun = fleet.find(name)
    except UserError as unknown:
        try:
            return find_run(name)
        except UserError:
            raise unknown from None
    return _copy(fleet, found, whole=True)


def _copy(fleet: Fleet, found: FoundRun, *, whole: bool) -> Path:
    run_dir = fleet.copy(found.host, found.id, whole=whole)
    assert run_dir is not None, "nothing cancels it"
    return run_dir
