"""The dialog that starts a tuning: what its fields mean, and the tuning that it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from runner.cli.places import HomePlace
from runner.profile.yaml_file import load_text
from runner.sweep import control
from runner.sweep.spec import SweepSpec
from runner.util.errors import UserError
from runner.util.themes import THEME_NAMES
from tests.support import world
from tests.support.world import wait_until_idle, widget_text
from tui.app import TrtbenchApp
from tui.screens.tune.start import TuneRequest, TuneStart, initial_request
from tui.theme import THEMES

QUICKSTART = load_text(world.BUILT_IN["quickstart"], "quickstart")
ONE = "benchmark.batch_size='[1]' benchmark.input_output_len='[[32, 16]]'"


class Cockpit(world.RecordingApp):
    def open_sweep(self, directory: Path, hosts: str = "") -> None:
        self.went.append(directory)


def test_fields_are_the_options_of_the_command() -> None:
    request = TuneRequest(
        "tokens_per_sec, latency_ms", "latency_ms.p95 < 2000, 9 > gpu_memory_gib", "1h30m", ONE
    )
    terms = request.define(QUICKSTART).tune
    assert terms is not None
    assert terms.objectives == ["tokens_per_sec", "latency_ms"]
    assert terms.constraints == ["latency_ms.p95 < 2000", "9 > gpu_memory_gib"]
    assert terms.budget_s == 5400


def test_the_first_of_several_values_is_set_at_first() -> None:
    request = initial_request(QUICKSTART)
    assert request.changes == "benchmark.input_output_len=[[32,16]] benchmark.batch_size=[1]"
    terms = request.define(QUICKSTART).tune
    assert terms is not None
    assert (terms.objectives, terms.constraints, terms.trials, terms.budget_s) == (
        ["tokens_per_sec"], [], 40, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (TuneRequest(objectives=" , "), "a tuning needs an objective"),
        (TuneRequest(objectives="speed"), "there is no metric 'speed'"),
        (TuneRequest(constraints="latency_ms"), "latency_ms"),
        (TuneRequest(limit="0"), "allowed: 1 to 400"),
        (TuneRequest(limit="soon"), "a number of runs, or a time like 4h"),
        (TuneRequest(changes="'"), "set: No closing quotation"),
        (TuneRequest(), "has the values"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_mistakes_are_reported(request_: TuneRequest, said: str) -> None:
    with pytest.raises(UserError) as error:
        request_.define(QUICKSTART)
    assert said in str(error.value)


async def test_the_dialog_starts_what_was_entered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers: list[Path | UserError] = [UserError("the disk is full"), tmp_path]
    started: list[SweepSpec] = []

    def start(sweep: SweepSpec) -> Path:
        started.append(sweep)
        answer = answers.pop(0)
        if isinstance(answer, UserError):
            raise answer
        return answer

    monkeypatch.setattr(control, "start_sweep", start)
    app = Cockpit(HomePlace())
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("W")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, TuneStart)
        await pilot.press("tab", "tab")
        app.screen.query_one("#limit", Input).value = "none"
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert "'none' is no limit" in widget_text(app.screen, "#preview")
        app.screen.query_one("#limit", Input).value = "12"
        await wait_until_idle(pilot)
        shown = widget_text(app.screen, "#preview")
        assert "benchmark.batch_size: " in shown
        assert "at most 12 runs of the search" in shown
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert "the disk is full" in widget_text(app.screen, "#preview")
        await pilot.press("enter")
        await wait_until_idle(pilot)
    assert app.went == [tmp_path]
    assert [sweep.tune.trials for sweep in started if sweep.tune] == [12, 12]


class Bare(App[None]):
    """An app with only the dialog."""

    CSS_PATH = TrtbenchApp.CSS_PATH

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEME_NAMES[0]
        self.push_screen(TuneStart(QUICKSTART, ["mpirun: there is none on PATH"]))


@pytest.mark.parametrize("size", world.SMALL_SIZES, ids=world.size_id)
def test_picture(size: tuple[int, int], snap_compare: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await wait_until_idle(pilot)

    assert snap_compare(Bare(), terminal_size=size, run_before=before)
