"""The dialog that starts a sweep: its texts, and the sweep that it starts."""

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
from runner.profile.yaml_file import load_text
from runner.sweep import control
from runner.sweep.spec import SweepSpec
from runner.util.errors import UserError
from runner.util.themes import THEME_NAMES
from tests.support import world
from tests.support.world import wait_until_idle, widget_text
from tui.app import TrtbenchApp
from tui.screens.sweep.start import SweepStart
from tui.theme import THEMES

SIZES = [(80, 24), (120, 40)]
WITH_AXES = world.BUILT_IN["torch-1gpu"].replace("name: torch-1gpu", "name: mine") + (
    "sweep:\n  axes:\n    model.dtype: [bfloat16, float16]\n    parallel.tp: [1, 4]\n"
    "    model.shape.intermediate_size: [14336, 14338]\n  repeat: 2\n"
)


class Cockpit(world.RecordingApp):
    def open_sweep(self, directory: Path, hosts: str = "") -> None:
        self.went.append(directory)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[SweepSpec]:
    asked: list[SweepSpec] = []

    def start(sweep: SweepSpec) -> Path:
        asked.append(sweep)
        return tmp_path

    monkeypatch.setattr(control, "start_sweep", start)
    return asked


async def enter_line(pilot: Pilot[Any], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await wait_until_idle(pilot)


async def test_lines_add_axes_and_an_empty_line_starts(started: list[SweepSpec], tmp_path: Path) -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[1]) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("w")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, SweepStart)
        assert "has no axes" in widget_text(app.screen, "#preview")
        await pilot.press("enter")
        assert started == []
        await enter_line(pilot, "parallel.tp=1,2,4")
        await enter_line(pilot, "benchmark.batch_size=1..8*2")
        await enter_line(pilot, "repeat=3")
        shown = widget_text(app.screen, "#preview")
        assert "parallel.tp: 1, 2, 4" in shown
        assert "benchmark.batch_size: 1, 2, 4, 8  (in one run)" in shown
        assert "3 cells x 3 repeats, interleaved, = 9 runs, one by one; 72" in shown
        await pilot.press("enter")
        await wait_until_idle(pilot)
    (sweep,) = started
    assert (len(sweep.cells), sweep.repeat) == (3, 3)
    assert app.went == [tmp_path]


async def test_invalid_lines_are_reported_and_ctrl_z_removes_an_axis(started: list[SweepSpec]) -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[0]) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("w")
        for text, said in (
            ("paralel.tp=1", "did you mean parallel.tp?"),
            ("parallel.tp", "expected PATH=V1,V2"),
            ("repeat=0", "a whole number, 1 or more"),
            ("order=random", "interleaved, grouped"),
        ):
            await enter_line(pilot, text)
            assert said in widget_text(app.screen, "#preview").replace("\n", " ")
        await enter_line(pilot, "parallel.tp=3")
        assert "fits no combination" in widget_text(app.screen, "#preview")
        await pilot.press("enter")
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert "has no axes" in widget_text(app.screen, "#preview")
        await pilot.press("escape")
        assert not isinstance(app.screen, SweepStart)
    assert started == []


async def test_axes_of_the_profile_are_shown_with_skipped_combinations(started: list[SweepSpec]) -> None:
    world.write_user_profile("mine", WITH_AXES)
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[1]) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("slash", *"mine", "enter")
        await wait_until_idle(pilot)
        await pilot.press("w")
        await wait_until_idle(pilot)
        shown = widget_text(app.screen, "#preview")
        assert "model.dtype: bfloat16, float16" in shown
        assert "6 cells x 2 repeats" in shown
        assert "skipped: 2 combinations" in shown
        assert "does not fit 8 query heads" in shown


async def test_a_failed_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sweep: SweepSpec) -> Path:
        raise UserError("the disk is full")

    monkeypatch.setattr(control, "start_sweep", refuse)
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[0]) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("w")
        await enter_line(pilot, "parallel.tp=1,2")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert "the disk is full" in widget_text(app.screen, "#preview")
        await pilot.press("escape")
    assert app.went == []


async def test_preflight_problems_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check", lambda profile: [Check("torch", "fail", "not installed here")])
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZES[1]) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("w")
        await wait_until_idle(pilot)
        assert "torch: not installed here" in widget_text(app.screen, "#preview")


class Bare(App[None]):
    """An app with only the dialog; other tests have pictures of the screen below it."""

    CSS_PATH = TrtbenchApp.CSS_PATH

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEME_NAMES[0]
        self.push_screen(SweepStart(load_text(world.BUILT_IN["quickstart"], "quickstart")))


async def test_keys_stay_visible_on_a_low_terminal() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=(40, 12)) as pilot:
        await app.push_screen(SweepStart(load_text(WITH_AXES, "mine.yaml")))
        await wait_until_idle(pilot)
        keys, dialog = (app.screen.query_one(name) for name in ("#sweep-keys", ".dialog"))
        assert "enter (empty line) start the sweep\n" in widget_text(app.screen, "#sweep-keys")
        assert dialog.region.contains_region(keys.region)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(size: tuple[int, int], snap_compare: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await enter_line(pilot, "parallel.tp=1,2,4")
        await enter_line(pilot, "model.shape.intermediate_size=1408,1410")

    assert snap_compare(Bare(), terminal_size=size, run_before=before)
