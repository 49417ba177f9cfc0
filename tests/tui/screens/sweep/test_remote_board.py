"""The board of a sweep of another machine: its keys act there, and runs are copied before they are shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from runner.cli.places import SweepPlace
from runner.fleet.fleet import Fleet
from runner.fleet.mirror import Mirror, sweep_mirror_dir
from runner.fleet.remote_host import ResumeState
from runner.profile.settings import FleetHost
from runner.run.layout import REPORT
from runner.run.liveness import MIRROR_PROBLEM
from runner.sweep.directory import AnyLogEntry, SweepBegun, SweepEnded
from runner.sweep.spec import Slot
from runner.sweep.sweep_files import report_name
from runner.util import paths
from runner.util.errors import UserError
from tests.support.sweeps import LARGE, SMALL, recorded, settled, started, sweep_of, written
from tests.support.world import RecordingApp, wait_until_idle, widget_text
from tui.screens.sweep.screen import BoardScreen

RUNS = tuple(f"20260101T00000{cell}Z_tiny_00a{cell}" for cell in range(2))


class FakeFleet(Fleet):
    """One host, whose runs are copied at once; one of them was deleted there."""

    def __init__(self) -> None:
        super().__init__([FleetHost(host="box")])
        self.asked: list[object] = []

    def follow(self, host: str, run: str) -> Mirror:
        self.asked.append(("follow", host, run))
        return Mirror(host, RUNS[0])  # one of the sweep would begin to copy it

    def unfollow(self, host: str, run: str) -> None:
        self.asked.append(("unfollow", host, run))

    def resume(self, host: str, run: str, *, failed_too: bool) -> ResumeState:
        self.asked.append(("resume", host, run, failed_too))
        return ResumeState(failed_too, answer="the disk is full")

    def copy_all(
        self,
        wanted: Sequence[tuple[str, str]],
        *,
        whole: bool,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> list[Path]:
        copies = [paths.fleet_dir() / "copied" / run[-4:] for _, run in wanted]
        for copied in copies:
            copied.mkdir(parents=True, exist_ok=True)
        return copies


class RemoteApp(RecordingApp):
    def __init__(self, copy: Path) -> None:
        super().__init__(SweepPlace(copy, "box"))
        self.fake = FakeFleet()
        self.errors: list[str] = []

    def fleet_of(self, hosts: str) -> Fleet:
        assert hosts == "box"
        return self.fake

    def notify_error(self, error: UserError) -> None:
        self.errors.append(str(error))


@pytest.fixture
def copy(home: Path) -> Path:
    """The copy of a stopped sweep with two measured cells."""
    entries: list[AnyLogEntry] = []
    for cell, run in enumerate(RUNS):
        recorded(run, {SMALL: [10.0] * 5, LARGE: [20.0] * 5})
        entries += [started(Slot(cell, 0), run, SMALL, LARGE)]
        entries += [settled(Slot(cell, 0), run, small="done", large="done")]
    ended = SweepEnded(wall=1e9 + 60, status="stopped", why="anna")
    original = written(sweep_of(2, repeat=2), SweepBegun(wall=1e9), *entries, ended)
    copy = sweep_mirror_dir("box", original.name)
    copy.parent.mkdir(parents=True)
    shutil.move(original, copy)
    for run in RUNS:
        shutil.copy(paths.runs_dir() / run / REPORT, copy / report_name(run))
        shutil.rmtree(paths.runs_dir() / run)
    return copy


async def test_keys_of_a_remote_board_act_on_its_machine(copy: Path) -> None:
    app = RemoteApp(copy)
    key = f"sweep:{copy.name}"
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_until_idle(pilot)
        screen = app.screen
        assert isinstance(screen, BoardScreen)
        assert app.fake.asked == [("follow", "box", key)]
        assert "800.0" in widget_text(screen, "#matrix"), "the numbers of its reports"
        for pressed in ("enter", "space", "down", "c", "R"):
            await pilot.press(pressed)
            await wait_until_idle(pilot)
        folder = paths.fleet_dir() / "copied"
        both = (str(folder / "00a0"), str(folder / "00a1"))
        assert app.went == [("result", folder / "00a0"), ("compare", both)]
        assert app.fake.asked[1:] == [("resume", "box", key, False)]
        assert app.errors == ["box: the sweep is not resumed: the disk is full"]
        (copy / MIRROR_PROBLEM).write_text("box: no route to host")
        screen._poll()
        await wait_until_idle(pilot)
        assert "no connection: box: no route to host" in widget_text(screen, "#progress")
    assert app.fake.asked[-1] == ("unfollow", "box", key)
