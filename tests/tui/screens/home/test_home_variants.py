"""Profiles that are not saved: changes back and forth, a run once more, an engine that is built already."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from runner.cli.places import HomePlace, ResultPlace, RunsPlace
from runner.history.reports import load_report
from runner.metrics import TOKENS_PER_SEC
from runner.profile import settings
from runner.report.files import write_report
from runner.report.model import ConfigurationReport, MetricCell
from runner.run import layout
from tests.runner.engines.trtllm.test_built_engine import engine
from tests.support import world
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tests.tui.screens.home.support import SIZE, chosen, form_of, go_to, type_into, value
from tui.app import TrtbenchApp
from tui.screens.home.form import drafts_of
from tui.screens.home.import_engine import ImportEngineScreen
from tui.screens.home.profile_list import ProfileList
from tui.screens.home.screen import HomeScreen

SMALL_RUN = world.BUILT_IN["quickstart"].replace("num_runs: 20", "num_runs: 3")


def footer(pilot: Pilot[int]) -> str:
    return widget_text(pilot.app.screen, "#footer")


async def test_undo_redo_and_reset() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await type_into(pilot, "benchmark.warm_up", "9")
        await pilot.press("ctrl+z", "ctrl+z")
        assert (value(pilot, "benchmark.num_runs"), value(pilot, "benchmark.warm_up")) == ("20", "2")
        await pilot.press("ctrl+y", "ctrl+y")
        assert (value(pilot, "benchmark.num_runs"), value(pilot, "benchmark.warm_up")) == ("5", "9")
        await pilot.press("ctrl+y")
        await pilot.pause()
        assert notifications(pilot)[-1] == "nothing to redo"
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("backspace")
        assert (value(pilot, "benchmark.num_runs"), value(pilot, "benchmark.warm_up")) == ("20", "9")
        await pilot.press("backspace")
        assert value(pilot, "benchmark.num_runs") == "20"


async def test_the_footer_shows_the_keys_that_hold_where_one_is() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=(160, 40)) as pilot:
        await wait_until_idle(pilot)
        assert "ctrl+z undo" not in footer(pilot)
        assert "q quit" in footer(pilot)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("e")
        await wait_until_idle(pilot)
        assert "enter apply" in footer(pilot)
        assert "esc cancel" in footer(pilot)
        assert "q quit" not in footer(pilot), "q is a letter now"
        await pilot.press("ctrl+u", "7", "enter")
        await wait_until_idle(pilot)
        assert "ctrl+z undo" in footer(pilot)
        assert "backspace reset" in footer(pilot)
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert "U redo" in footer(pilot)
        assert "enter edit" in footer(pilot)
        assert "R F5 run" in footer(pilot)
        await pilot.press("slash")
        await wait_until_idle(pilot)
        assert "enter keep the search" in footer(pilot)
        assert "q quit" not in footer(pilot)
        await pilot.press("escape", "escape", "slash", "g", "enter")
        await wait_until_idle(pilot)
        assert "enter run" in footer(pilot)
        assert "esc all profiles" in footer(pilot)
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert "esc all profiles" not in footer(pilot)


async def test_a_value_is_judged_while_it_is_typed() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("e", "x")
        await wait_until_idle(pilot)
        assert "is not allowed" in widget_text(app.screen, "#field-help") or "whole number" in widget_text(
            app.screen, "#field-help"
        )
        await pilot.press("backspace")
        await wait_until_idle(pilot)
        assert "enter apply" in widget_text(app.screen, "#field-help")
        assert form_of(pilot).editing is not None


# --- a run once more ------------------------------------------------------------------------------------


def run_with(profile_yaml: str, name: str = "aaaa", profile: str = "quickstart") -> Path:
    run_dir = world.create_ended_run(name, profile, "finished", ago=180)
    (run_dir / layout.PROFILE).write_text(profile_yaml)
    return run_dir


@pytest.mark.parametrize("place", ["result", "runs"])
async def test_again_opens_the_profile_of_the_run_with_marks(place: str) -> None:
    run_dir = run_with(SMALL_RUN)
    app = TrtbenchApp(ResultPlace(run_dir) if place == "result" else RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("a")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, HomeScreen)
        assert chosen(pilot) == "quickstart"
        assert value(pilot, "benchmark.num_runs") == "3"
        assert "1 changed" in str(app.screen.query_one("#options").border_subtitle)
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"


async def test_again_of_a_profile_that_is_gone_is_there_unsaved() -> None:
    run_dir = run_with(SMALL_RUN.replace("name: quickstart", "name: gone"), profile="gone")
    app = TrtbenchApp(ResultPlace(run_dir))
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("a")
        await wait_until_idle(pilot)
        assert chosen(pilot) == "gone"
        lines = widget_text(app.screen, "#profile-list").splitlines()
        assert lines[0].startswith("not saved")
        assert lines[1].strip().startswith("+ gone")
        assert "not saved yet" in widget_text(app.screen, "#about")
        await pilot.press("ctrl+s")
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert widget_text(app.screen, "#profile-list").splitlines()[0].startswith("recent")
        assert not drafts_of(app).unsaved


async def test_again_of_a_run_whose_profile_cannot_be_read_says_why() -> None:
    app = TrtbenchApp(ResultPlace(run_with("engine: nothing\n")))
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("a")
        await wait_until_idle(pilot)
        assert not isinstance(app.screen, HomeScreen)
        assert (
            "'nothing' is not an engine" in notifications(pilot)[0]
            or "is not an engine" in notifications(pilot)[0]
        )


# --- an engine that is built already --------------------------------------------------------------------


async def typed(pilot: Pilot[int], text: str) -> str:
    """Type a path into the dialog; what it says about it."""
    pilot.app.screen.query_one(Input).value = text
    await wait_until_idle(pilot)
    return " ".join(widget_text(pilot.app.screen, "#engine-verdict").split())


async def test_importing_an_engine(tmp_path: Path) -> None:
    folder = engine(tmp_path / "qwen" / "8-gpu")
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("i")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, ImportEngineScreen)
        assert "no such folder" in await typed(pilot, str(tmp_path / "no"))
        await pilot.press("enter")
        assert isinstance(app.screen, ImportEngineScreen)
        assert "config.json is missing" in await typed(pilot, str(tmp_path))
        assert "start with / or ~" in await typed(pilot, "engines")
        assert "qwen, bfloat16, tp 8, max_batch_size 16" in await typed(pilot, str(folder))
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert chosen(pilot) == "qwen-8-gpu"
        assert (value(pilot, "parallel.tp"), value(pilot, "model.dtype")) == ("8", "bfloat16")
        assert value(pilot, "paths.engine_dir") == str(folder)
        await pilot.press("ctrl+s")
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert "saved as qwen-8-gpu" in notifications(pilot)


async def test_leaving_the_import_changes_nothing() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("i", "escape")
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart"


# --- results in the list --------------------------------------------------------------------------------


def with_result(run_dir: Path, tokens_per_sec: float | None) -> None:
    """Put a number into the report of a run that ended."""
    written = load_report(run_dir)
    row = MetricCell(metric=TOKENS_PER_SEC.name, unit="tokens/s", n=3, value=tokens_per_sec)
    configuration = ConfigurationReport(batch_size=1, input_len=32, output_len=16, rows=[row], flags=[])
    write_report(run_dir, msgspec.structs.replace(written, configurations=[configuration]))


async def test_the_last_results_stand_beside_a_profile() -> None:
    for number, result in enumerate([200.0, None, 100.0]):
        with_result(
            world.create_ended_run(f"aaa{number}", "quickstart", "finished", ago=180 * (9 - number)), result
        )
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert "▇▁  ✔ 100.0 tok/s" in widget_text(app.screen, "#profile-list")
        assert "newest first: 100.0, 200.0" in " ".join(widget_text(app.screen, "#about").split())


async def test_an_empty_profile_is_shown_as_what_it_is() -> None:
    world.write_user_profile("empty", "")
    world.create_ended_run("aaaa", "empty", "finished", ago=180)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert chosen(pilot) == "empty"
        assert "expected a profile" in widget_text(app.screen, "#about")
        assert app.screen.query_one(ProfileList).has_focus


# --- the first start ------------------------------------------------------------------------------------


async def test_the_welcome_is_waved_away_for_good() -> None:
    for greeted in (True, False):
        app = RecordingApp(HomePlace())
        async with app.run_test(size=SIZE) as pilot:
            await wait_until_idle(pilot)
            assert ("Welcome" in widget_text(app.screen, "#about")) is greeted
            assert ("esc hide welcome" in footer(pilot)) is greeted
            await pilot.press("escape")
            await wait_until_idle(pilot)
            assert "Welcome" not in widget_text(app.screen, "#about")
    assert settings.load().welcome is False
