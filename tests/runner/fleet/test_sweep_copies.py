"""What the copy of a remote sweep is: the same board, without secrets, over any cuts."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from runner.fleet import mirror, remote_host
from runner.fleet.mirror import sweep_mirror_dir
from runner.fleet.remote_host import Connection
from runner.fleet.wire import (
    MARK,
    PROTOCOL,
    Receiver,
    Reply,
    Sender,
    SweepState,
    Whole,
    WireError,
    greeting,
    sweep_key,
)
from runner.run import layout
from runner.sweep import control
from runner.sweep.board import Board
from runner.sweep.directory import LOG, SPEC, AnyLogEntry, LogWriter, SweepBegun
from runner.sweep.spec import Slot
from runner.sweep.sweep_feed import SweepFeed
from runner.sweep.sweep_files import sweep_files
from runner.util import paths
from runner.util.bounds import LAST_WALL
from tests.runner.fleet.support import Machines
from tests.runner.fleet.test_cuts import budget
from tests.support.sweeps import LARGE, SMALL, TINY, recorded, settled, started, sweep_of, written

SECRET = "correct-horse-battery"
RUNS = tuple(f"20260101T00000{number}Z_tiny_00a{number}" for number in range(4))


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep runner is alive on the machine of the sweep."""
    monkeypatch.setattr("runner.fleet.sweep_source.control.is_running", lambda directory: True)


def ended_run(number: int, cell: int) -> list[AnyLogEntry]:
    slot = Slot(cell, 0)
    recorded(RUNS[number], {SMALL: [10.0 + number] * 5, LARGE: [20.0] * 5})
    return [
        started(slot, RUNS[number], SMALL, LARGE),
        settled(slot, RUNS[number], small="done", large="done"),
    ]


def add_sweep(machines: Machines, *entries: AnyLogEntry, cells: int = 3) -> Path:
    machines.on(machines.there)
    sweep = sweep_of(cells)
    private = [
        msgspec.structs.replace(cell, profile=f"{TINY}launch: {{env: {{API_TOKEN: {SECRET}}}}}\n")
        for cell in sweep.cells
    ]
    return written(msgspec.structs.replace(sweep, cells=private), SweepBegun(wall=1e9), *entries)


def board_of(directory: Path) -> Board:
    """Return a board without what differs between a sweep and its copy."""
    feed = SweepFeed(directory)
    feed.drain()
    board = feed.board()
    points = tuple(
        replace(point, runs=tuple(replace(run, run_dir=Path(run.run_dir.name)) for run in point.runs))
        for point in board.points
    )
    public = [msgspec.structs.replace(cell, profile="") for cell in board.sweep.cells]
    sweep = msgspec.structs.replace(board.sweep, cells=public)
    return replace(board, sweep=sweep, points=points, elapsed_s=0.0, remaining_s=None)


@pytest.mark.usefixtures("running")
def test_board_of_a_copy_equals_the_original_over_cuts(machines: Machines) -> None:
    """Each connection ends at a random byte while the sweep continues; no number is ever missing."""
    machines.on(machines.there)
    chance = random.Random(7)
    directory = add_sweep(machines, *ended_run(0, 0))
    machines.on(machines.here)
    copy = machines.remote.follow(sweep_key(directory.name)).run_dir
    later = [
        *ended_run_there(machines, 1, 1),
        started(Slot(2, 0), RUNS[2], SMALL, LARGE),
    ]
    for entry in later:
        for _ in range(6):
            machines.exchange(cut=budget(chance.randrange(50, 1500)))
            machines.on(machines.here)
            if (copy / SPEC).exists():
                assert "deleted" not in repr(board_of(copy))
        LogWriter(directory).write(entry)
    assert not machines.exchange()
    machines.on(machines.there)
    expected = board_of(directory)
    machines.on(machines.here)
    assert board_of(copy) == expected
    assert {point.state for point in expected.points} == {"done", "running"}
    assert (copy / LOG).read_bytes() == (directory / LOG).read_bytes()
    for file in copy.iterdir():
        assert SECRET not in file.read_text(), file.name


def ended_run_there(machines: Machines, number: int, cell: int) -> list[AnyLogEntry]:
    machines.on(machines.there)
    return ended_run(number, cell)


@pytest.mark.usefixtures("running")
def test_current_run_of_a_followed_sweep_is_copied_too(machines: Machines) -> None:
    directory = add_sweep(machines, started(Slot(0, 0), RUNS[0], SMALL, LARGE))
    recorded(RUNS[0], {SMALL: [10.0] * 5, LARGE: [20.0] * 3}, status=None)
    lock = layout.try_lock(paths.runs_dir() / RUNS[0])
    machines.on(machines.here)
    copy = machines.remote.follow(sweep_key(directory.name))
    machines.exchange()
    board = board_of(copy.run_dir)
    assert [point.activity for point in board.points if point.activity] == ["iteration 3/3"]
    assert lock is not None
    machines.remote.unfollow(copy.run)
    assert set(machines.remote.mirrors) == {RUNS[0]}


def test_status_of_a_copy_is_that_of_its_machine(machines: Machines) -> None:
    """A copy is locked by its writer, and the clocks of the two machines may differ."""
    directory = add_sweep(machines)
    machines.on(machines.here)
    copy = machines.remote.follow(sweep_key(directory.name)).run_dir
    machines.exchange()
    assert SweepFeed(copy).status == control.read_progress(copy).status == "interrupted"
    machines.remote.tell_readers("no route to host")
    assert board_of(copy).cut_off == "user@box: no route to host"


def test_stop_and_resume_reach_the_sweep(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(control, "stop_sweep", lambda directory, by: asked.append((directory.name, by)))
    monkeypatch.setattr(
        control, "resume_sweep", lambda directory, failed_too: asked.append((directory.name, failed_too))
    )
    directory = add_sweep(machines)
    key = sweep_key(directory.name)
    stop, resume = machines.remote.stop(key, "anna"), machines.remote.resume(key, failed_too=True)
    ask(machines)
    assert sorted(asked, key=str) == [(directory.name, "anna"), (directory.name, True)]
    assert stop.answer == resume.answer == ""
    missing = machines.remote.resume(sweep_key(RUNS[0]), failed_too=False)
    ask(machines)
    assert missing.answer == f"there is no sweep {RUNS[0]!r}"


def ask(machines: Machines) -> None:
    """Send what is asked for, and wait for the answers."""
    service, connection = machines.service(), Connection(machines.remote)
    connection.receive(service.step())
    service.receive(connection.send())
    service.wait_for_stops()
    connection.receive(service.step())


def test_program_without_sweeps_is_named_and_asked_nothing(machines: Machines) -> None:
    machines.on(machines.here)
    remote = machines.remote
    key = sweep_key(RUNS[0])
    copy, stop, resume = remote.follow(key), remote.stop(key, "anna"), remote.resume(key, failed_too=False)
    connection = Connection(remote)
    connection.receive(MARK + b'{"protocol": %d, "version": "0.0.9"}\n' % PROTOCOL)
    receiver: Receiver[Reply] = Receiver(object)  # type: ignore[arg-type]
    assert {message["type"] for message in receiver.feed(connection.send())} == {"list", "ping"}  # type: ignore[index]
    why = (
        "trtbench-tui 0.0.9 there is too old to send sweeps: install the version of this machine there, or"
        " use `ssh user@box trtbench-tui sweeps show ID`"
    )
    assert copy.problem == stop.answer == resume.answer == why


@pytest.mark.parametrize("name", ["../x.json", "lock", f"{RUNS[0]}.json.json", f"{RUNS[0]}", "report.json"])
def test_only_files_of_a_sweep_are_written(machines: Machines, name: str) -> None:
    machines.on(machines.here)
    copy = machines.remote.follow(sweep_key(RUNS[0]))
    with pytest.raises(WireError, match="is not a file of a run"):
        copy.apply(Whole(copy.run, name, (1, 1), b"{}"))
    copy.apply(Whole(copy.run, f"{RUNS[0]}.json", (1, 1), b"{}"))
    assert (sweep_mirror_dir("user@box", RUNS[0]) / f"{RUNS[0]}.json").read_bytes() == b"{}"


def test_earlier_copy_is_not_taken_for_the_present_state(machines: Machines) -> None:
    directory = add_sweep(machines)
    machines.on(machines.here)
    key = sweep_key(directory.name)
    for _ in range(2):
        copy = machines.remote.follow(key)
        assert not copy.is_complete()
        machines.exchange()
        assert copy.is_complete()
        machines.remote.unfollow(key)


def test_a_sweep_cannot_have_copied_what_it_likes(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "MOST_REPORTS", 2)
    monkeypatch.setattr(remote_host, "MOST_FOLLOWED", 3)
    machines.on(machines.here)
    key = sweep_key(RUNS[0])
    copy = machines.remote.follow(key)
    connection = Connection(machines.remote)
    connection.receive(greeting())
    connection.send()
    sender = Sender()
    for run in RUNS:
        connection.receive(sender.pack([SweepState(key, True, "", run, wall=1e308)]))
    assert list(machines.remote.mirrors) == [key, *RUNS[:2]]
    assert sweep_files(copy.run_dir).now() < LAST_WALL
    with pytest.raises(WireError, match="more than 2 reports of runs"):
        connection.receive(sender.pack([Whole(key, f"{run}.json", (1, 1), b"{}") for run in RUNS]))
