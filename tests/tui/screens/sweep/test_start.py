"""Starting a sweep from the dashboard: what the dialog says, and what it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from runner import preflight
from runner.cli.places import HomePlace
from runner.engines.check import Check
from runner.errors import UserError
from runner.profile.file import load_text
from runner.sweep import control
from runner.sweep.spec import Sweep
from tests.support import world
from tests.support.world import settled, text_of
from tui.app import TrtbenchApp
from tui.screens.sweep.start import SweepStart
from tui.theme import NAMES, THEMES

SIZES = [(80, 24), (120, 40)]
WITH_AXES = world.BUILT_IN["torch-1gpu"].replace("name: torch-1gpu", "name: mine") + (
    "sweep:\n  axes:\n    model.dtype: [bfloat16, float16]\n    parallel.tp: [1, 4]\n"
    "    model.shape.intermediate_size: [14336, 14338]\n  repeat: 2\n"
)


class Cockpit(world.Cockpit):
    def open_sweep(self, directory: Path) -> None:
        self.went.append(directory)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Sweep]:
    asked: list[Sweep] = []

    def start(sweep: Sweep) -> Path:
        asked.append(sweep)
        return tmp_path

    monkeypatch.setattr(control, "start", start)
    return asked


async def typed(pilot: Pilot[Any], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await settled(pilot)


async def test_axes_are_typed_line_by_line_and_an_empty_line_starts(
    started: list[Sweep], tmp_path: Path
) -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[1]) as pilot:
        await settled(pilot)
        await pilot.press("w")
        await settled(pilot)
        assert isinstance(app.screen, SweepStart)
        assert "has no axes yet" in text_of(app.screen, "#outlook")
        await pilot.press("enter")
        assert started == []
        await typed(pilot, "parallel.tp=1,2,4")
        await typed(pilot, "benchmark.batch_size=1..8*2")
        await typed(pilot, "repeat=3")
        shown = text_of(app.screen, "#outlook")
        assert "parallel.tp: 1, 2, 4" in shown
        assert "benchmark.batch_size: 1, 2, 4, 8  (in one run)" in shown
        assert "3 cells x 3 repeats, interleaved, = 9 runs, one by one; 72" in shown
        await pilot.press("enter")
        await settled(pilot)
    (sweep,) = started
    assert (len(sweep.cells), sweep.repeat) == (3, 3)
    assert app.went == [tmp_path]


async def test_mistakes_are_said_and_the_last_axis_can_be_taken_back(started: list[Sweep]) -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        await pilot.press("w")
        for text, said in (
            ("paralel.tp=1", "did you mean parallel.tp?"),
            ("parallel.tp", "expected PATH=V1,V2"),
            ("repeat=0", "a whole number, 1 or more"),
            ("order=random", "interleaved, grouped"),
        ):
            await typed(pilot, text)
            assert said in text_of(app.screen, "#outlook").replace("\n", " ")
        await typed(pilot, "parallel.tp=3")
        assert "fits no combination" in text_of(app.screen, "#outlook")
        await pilot.press("enter")
        await pilot.press("ctrl+z")
        await settled(pilot)
        assert "has no axes yet" in text_of(app.screen, "#outlook")
        await pilot.press("escape")
        assert not isinstance(app.screen, SweepStart)
    assert started == []


async def test_the_axes_of_a_profile_stand_there_with_what_is_impossible(started: list[Sweep]) -> None:
    world.mine("mine", WITH_AXES)
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[1]) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"mine", "enter")
        await settled(pilot)
        await pilot.press("w")
        await settled(pilot)
        shown = text_of(app.screen, "#outlook")
        assert "model.dtype: bfloat16, float16" in shown
        assert "6 cells x 2 repeats" in shown
        assert "passed over, 2 combinations:" in shown
        assert "does not fit 8 query heads" in shown


async def test_what_cannot_be_started_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sweep: Sweep) -> Path:
        raise UserError("the disk is full")

    monkeypatch.setattr(control, "start", refuse)
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        await pilot.press("w")
        await typed(pilot, "parallel.tp=1,2")
        await pilot.press("enter")
        await settled(pilot)
        assert "the disk is full" in text_of(app.screen, "#outlook")
        await pilot.press("escape")
    assert app.went == []


async def test_what_preflight_found_stands_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check", lambda profile: [Check("torch", "fail", "not installed here")])
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[1]) as pilot:
        await settled(pilot)
        await pilot.press("w")
        await settled(pilot)
        assert "torch: not installed here" in text_of(app.screen, "#outlook")


class Bare(App[None]):
    """Nothing but the dialog: what lies under it on the first screen is pictured elsewhere."""

    CSS_PATH = TrtbenchApp.CSS_PATH

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = NAMES[0]
        self.push_screen(SweepStart(load_text(world.BUILT_IN["quickstart"], "quickstart")))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(size: tuple[int, int], snap_compare: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await typed(pilot, "parallel.tp=1,2,4")
        await typed(pilot, "model.shape.intermediate_size=1408,1410")

    assert snap_compare(Bare(), terminal_size=size, run_before=before)
