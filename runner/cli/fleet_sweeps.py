"""`--host` with the commands on sweeps: the sweep is copied, then read like one of this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.fleet.fleet import Fleet
    from runner.fleet.found import NamedSweep
    from runner.sweep.sweep_list import ListedSweep

_BEGIN_S = 20.0
"""how long the log of a resumed sweep may take to say so"""


def list_sweeps(fleet: Fleet, arguments: argparse.Namespace) -> int:
    """Print the sweeps of all hosts, newest first, and name the hosts that cannot list theirs."""
    from runner.cli.sweeps import print_list
    from runner.fleet.remote_host import too_old_text

    found: list[tuple[ListedSweep, str]] = []
    unreadable, code = [], ExitCode.OK
    for view in fleet.views():
        listed = view.listing.sweeps if view.listing is not None else None
        if listed is not None:
            found += [(sweep, view.name) for sweep in listed.sweeps]
            unreadable += [f"{view.name}: {sentence}" for sentence in listed.unreadable]
        elif view.listing is not None:
            code = ExitCode.BAD_INPUT
            why = too_old_text(view.name, view.version, "list sweeps", "sweeps ls")
            print(f"trtbench-tui: {view.name}: {why}", file=sys.stderr)
    found.sort(key=lambda one: (one[0].created, one[0].sweep), reverse=True)
    print_list([sweep for sweep, _ in found], unreadable, arguments, [host for _, host in found])
    return code


def copy(fleet: Fleet, found: NamedSweep) -> Path:
    """Copy a sweep; return the directory of the copy.

    Raises:
        UserError: it cannot be copied.
    """
    from runner.fleet.wire import sweep_key

    directory = fleet.copy(found.host, sweep_key(found.id), whole=True)
    assert directory is not None, "nothing cancels it"
    return directory


def stop(fleet: Fleet, arguments: argparse.Namespace) -> int:
    """Stop a sweep, and wait for its end.

    Raises:
        UserError: it does not stop.
    """
    from runner.fleet.fleet import STOP_S
    from runner.fleet.wire import sweep_key
    from runner.run.liveness import host_name
    from runner.sweep.control import read_progress
    from runner.sweep.progress import ENDED
    from runner.util.processes import user_name

    found = fleet.find_sweep(arguments.sweep)
    host, directory = found.host, copy(fleet, found)
    name = f"{host}:{directory.name}"
    over = ENDED - {"interrupted"}
    if (before := read_progress(directory).status) in over:
        print(f"{name} has already ended: {before}", file=sys.stderr)
        return ExitCode.OK
    by = f"{user_name()} on {host_name()}, with trtbench-tui sweeps stop"
    state = fleet.stop(host, sweep_key(directory.name), by)
    fleet.wait_for_answer(
        host, state, f"{name} does not stop", STOP_S, is_done=lambda: read_progress(directory).status in over
    )
    print(f"{name} {read_progress(directory).status}", file=sys.stderr)
    return ExitCode.OK


def resume(fleet: Fleet, arguments: argparse.Namespace) -> Path:
    """Resume a sweep; return the directory of its copy, once its log says so.

    Raises:
        UserError: it cannot be resumed.
    """
    from runner.fleet.wire import sweep_key
    from runner.sweep.control import read_progress

    found = fleet.find_sweep(arguments.sweep)
    host, directory = found.host, copy(fleet, found)
    begins = read_progress(directory).begins
    state = fleet.resume(host, sweep_key(directory.name), failed_too=arguments.failed)
    what = f"{host}:{directory.name} is not resumed"
    fleet.wait_for_answer(
        host, state, what, _BEGIN_S, is_done=lambda: read_progress(directory).begins > begins
    )
    return directory
