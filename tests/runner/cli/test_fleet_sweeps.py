"""`--host` and sweeps: those of another machine are listed, followed, exported and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.cli import fleet_sweeps
from runner.cli.main import build_parser, main
from runner.fleet.fleet import Fleet, HostView
from runner.fleet.link import LinkState
from runner.fleet.machine import Machine
from runner.fleet.wire import Listing
from runner.plan.plan import SweepMembership
from runner.sweep.directory import AnyLogEntry, SweepBegun, SweepEnded
from runner.sweep.spec import Slot
from runner.util import paths
from runner.util.exit_codes import ExitCode
from tests.support.standin_ssh import reachable_host
from tests.support.sweeps import LARGE, SMALL, recorded, settled, started, sweep_of, written

REPEATS = 2


def measure(letters: str, *, latency_ms: float = 10.0) -> Path:
    """The directory of a finished sweep of two cells, of which the second one is slower."""
    name = f"20260101T000000Z_tiny_{letters}"
    entries: list[AnyLogEntry] = [SweepBegun(wall=1e9)]
    for number, slot in enumerate(Slot(cell, repeat) for repeat in range(REPEATS) for cell in range(2)):
        run = f"20260101T00000{number}Z_tiny_{number}{letters[:3]}"
        place = SweepMembership(sweep=name, cell=slot.cell, repeat=slot.repeat)
        latencies = [latency_ms * (1 + slot.cell) + step / 100 for step in range(5)]
        recorded(run, {SMALL: latencies, LARGE: latencies}, wall=1e9 + number, place=place)
        entries += [started(slot, run, SMALL, LARGE), settled(slot, run, small="done", large="done")]
    entries.append(SweepEnded(wall=1e9 + 60, status="finished"))
    return written(sweep_of(2, repeat=REPEATS), *entries).rename(paths.sweeps_dir() / name)


class Machines:
    """This machine, and the box with a sweep."""

    def __init__(
        self, there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._there, self._monkeypatch, self._capsys = there, monkeypatch, capsys

    @contextmanager
    def box(self) -> Iterator[None]:
        """Be on the box."""
        with self._monkeypatch.context() as patch:
            patch.setenv("TRTBENCH_HOME", str(self._there))
            yield

    def on_box(self, *words: str) -> str:
        """What a command prints that is typed on the box."""
        with self.box():
            assert main(words) == ExitCode.OK
        return self._capsys.readouterr().out

    def over_ssh(self, *words: str) -> str:
        """What the same command prints that is typed here, with `--host`."""
        assert main(["--host", "user@box", *words]) == ExitCode.OK
        return self._capsys.readouterr().out


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Machines:
    both = Machines(reachable_host(tmp_path, monkeypatch), monkeypatch, capsys)
    with both.box():
        measure("5c61").with_name("20260101T000000Z_broken_0001").mkdir()
    return both


def test_sweeps_of_a_host_are_listed_as_there(machines: Machines, capsys: pytest.CaptureFixture[str]) -> None:
    own, listed = (
        out.splitlines() for out in (machines.on_box("sweeps", "ls"), machines.over_ssh("sweeps", "ls"))
    )
    assert own[1].startswith("5c61  finished  tiny  8/8")
    assert [line.replace("HOST      ", "").replace("user@box  ", "") for line in listed[:2]] == own[:2]
    assert listed[2] == f"user@box: {own[2]}"
    entry = json.loads(machines.on_box("sweeps", "ls", "--json"))
    assert main(["--host", "user@box,gone", "sweeps", "ls", "--json"]) == ExitCode.BAD_INPUT
    out, err = capsys.readouterr()
    assert json.loads(out) == entry | {"from": "user@box"}
    assert "gone: ssh: connect to host gone" in err


def test_host_that_cannot_list_its_sweeps_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    class OldFleet(Fleet):
        def views(self) -> list[HostView]:
            machine = Machine("bench01", 8, 0.5, [], "no driver", [])
            return [HostView("box", LinkState(), "0.0.9", Listing(machine, []), 1.0)]

    arguments = build_parser().parse_args(["sweeps", "ls"])
    assert fleet_sweeps.list_sweeps(OldFleet([]), arguments) == ExitCode.BAD_INPUT
    out, err = capsys.readouterr()
    assert out == "no sweeps\n"
    assert "box: trtbench-tui 0.0.9 there is too old to list sweeps: install" in err


def test_attach_shows_the_sweep_that_no_run_is_named_like(machines: Machines) -> None:
    shown = machines.over_ssh("attach", "5c61", "--headless")
    assert shown == machines.on_box("attach", "5c61", "--headless")
    assert "8 of 8 measurements done" in shown


def test_sweep_without_a_run_is_found(machines: Machines, capsys: pytest.CaptureFixture[str]) -> None:
    with machines.box():
        name = written(sweep_of(2)).name
    assert machines.over_ssh("sweeps", "show", name[-4:]) == machines.on_box("sweeps", "show", name)
    assert main(["--host", "user@box", "sweeps", "show", "none"]) == ExitCode.BAD_INPUT
    hint = "`trtbench-tui --host HOST sweeps ls` lists its sweeps"
    assert capsys.readouterr().err == f"trtbench-tui: there is no sweep 'none' on user@box\n{hint}\n"


def test_runs_of_a_sweep_are_exported_as_there(machines: Machines) -> None:
    words = ("export", "sweep:5c61", "--format", "csv")
    exported = machines.over_ssh(*words)
    assert exported == machines.on_box(*words)
    assert len(exported.splitlines()) > 2 * REPEATS
    assert not paths.runs_dir().exists()


def test_cells_of_a_sweep_are_compared_as_there(machines: Machines) -> None:
    compared = machines.over_ssh("compare", "box:sweep:5c61")
    assert compared == machines.on_box("compare", "5c61")
    assert "2 runs" in compared


def test_sweep_of_a_host_is_compared_with_an_own_one(machines: Machines) -> None:
    measure("7d02", latency_ms=20.0)
    compared = json.loads(machines.over_ssh("compare", "sweep:5c61", "sweep:7d02", "--json"))
    assert [[run[-3:] for run in side["runs"]] for side in compared["sides"]] == [["5c6"] * 4, ["7d0"] * 4]


def test_filter_that_cannot_match_is_one_sentence(
    machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--host", "user@box", "export", "sweep:ffff", "--format", "csv"]) == ExitCode.BAD_INPUT
    assert "no finished run of user@box matches 'sweep:ffff'" in capsys.readouterr().err
    assert main(["--host", "user@box", "ls", "--filter", "disk:>1G"]) == ExitCode.BAD_INPUT
    assert "the disk usage of runs of other machines is not known" in capsys.readouterr().err
