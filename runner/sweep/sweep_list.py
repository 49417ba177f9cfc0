"""The list of sweeps, as text and as JSON; another machine sends the same of its own sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runner.run.layout import list_sweeps
from runner.sweep.board import Board
from runner.sweep.progress import SweepStatus
from runner.sweep.spec import SweepAxis
from runner.util.errors import UserError
from runner.util.formatting import duration

SCHEMA = 1
"""of the JSON of a sweep, here and of `runner.sweep.board_text`"""
NO_SWEEPS = "no sweeps yet; `trtbench-tui sweep PROFILE --axis parallel.tp=1,2` starts one\n"


class ListedSweep(msgspec.Struct, frozen=True):
    """What a list shows of a sweep; all but `created` are keys of its JSON."""

    sweep: str
    """id"""
    name: str
    engine: str
    status: SweepStatus
    why: str
    order: str
    repeat: int
    settled: int
    """configurations that need no further run; every repeat counts"""
    total: int
    seconds: float
    axes: list[SweepAxis]
    created: float
    """seconds since 1970"""


class SweepList(msgspec.Struct, frozen=True):
    """The sweeps of a machine, newest first."""

    sweeps: list[ListedSweep]
    unreadable: list[str]
    """a sentence for each that this version cannot read"""


def read_sweeps() -> SweepList:
    """Return the sweeps of this machine; no report is read."""
    from runner.sweep.sweep_feed import SweepFeed  # a list from another machine needs none

    found = SweepList([], [])
    for directory in list_sweeps():
        try:
            feed = SweepFeed(directory)
            feed.drain()
            found.sweeps.append(list_entry(feed.board(numbers=False)))
        except UserError as error:
            found.unreadable.append(str(error))
    return found


def list_entry(board: Board) -> ListedSweep:
    return ListedSweep(
        sweep=board.id,
        name=board.sweep.name,
        engine=board.sweep.engine,
        status=board.status,
        why=board.why,
        order=board.sweep.order,
        repeat=board.sweep.repeat,
        settled=board.completed,
        total=board.total,
        seconds=board.elapsed_s,
        axes=[SweepAxis(axis.path, list(axis.values)) for axis in board.axes],
        created=board.sweep.created,
    )


def plain_entry(entry: ListedSweep) -> dict[str, Any]:
    """Return an entry as plain data for JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(entry)
    del plain["created"]
    return {"schema": SCHEMA, **plain}


def list_text(sweeps: Sequence[ListedSweep], hosts: Sequence[str] | None = None) -> str:
    """Return one aligned line a sweep.

    Args:
        sweeps: at least one.
        hosts: the machine of each sweep, for a column; None: all are of this machine.
    """
    from runner.history.run_list import aligned_lines, format_time  # another machine sends rows only

    rows = [["", "STATE", "NAME", "DONE", "STARTED", "TOOK"]]
    for one in sweeps:
        short, done = one.sweep.rpartition("_")[2], f"{one.settled}/{one.total}"
        rows.append([short, one.status, one.name, done, format_time(one.created), duration(one.seconds)])
    if hosts is not None:
        for row, host in zip(rows, ["HOST", *hosts], strict=True):
            row.insert(1, host)
    return "".join(f"{line}\n" for line in aligned_lines(rows))
