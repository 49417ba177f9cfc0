"""Starting a run on the home screen, and what preflight says about it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from runner import preflight
from runner.cli.places import HomePlace
from runner.engines.check import Check
from runner.engines.torch.profile import TorchProfile
from runner.run.device_locks import DeviceLocks
from runner.schema.base import Profile
from runner.supervision import launch
from runner.util.errors import UserError
from tests.support import world
from tests.support.patience import PATIENCE_S
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tests.tui.screens.home.support import (
    FAILS,
    PASSES,
    SIZE,
    WARNS,
    chosen,
    finds,
    form_of,
    go_to,
    no_mpirun,
    partly_cached,
    value,
)
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.home.form import drafts_of
from tui.screens.sweep.start import SweepStart


@pytest.mark.parametrize("keys", [["enter", "escape", "enter"], ["f5"], ["6", "ctrl+enter"]])
async def test_a_run_has_the_values_of_the_form(keys: list[str], started: list[Profile]) -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("5", *keys)
        await wait_until_idle(pilot)
        [profile] = started
        assert isinstance(profile, TorchProfile)
        assert profile.benchmark.num_runs == (56 if "6" in keys else 5)
        assert app.went == [("live", world.run_dir_of("0001", world.NOW, "quickstart"))]


async def test_enter_twice_starts_one_run(started: list[Profile]) -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("enter", "enter")
        await wait_until_idle(pilot)
        assert len(started) == 1


async def test_a_run_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(profile: Profile, **_: object) -> Path:
        raise UserError("the disk is full", hint="remove something")

    monkeypatch.setattr(launch, "start", start)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert notifications(pilot) == ["the disk is full\nremove something"]
        assert app.went == []


async def test_without_mpirun_the_reason_is_shown_and_repeated(
    monkeypatch: pytest.MonkeyPatch, started: list[Profile]
) -> None:
    no_mpirun(monkeypatch)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        shown = " ".join(widget_text(app.screen, "#commands").split())
        assert "there is no mpirun: none on PATH and none next to the interpreter" in shown
        assert "install one with pip install" in shown
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert notifications(pilot)[0].startswith("there is no mpirun: none on PATH")
        assert started == []


async def test_preflight_that_finds_nothing_is_a_word_in_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, PASSES, PASSES)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        title = str(app.screen.query_one("#commands").border_title)
        assert title == "commands · preflight: all 2 checks passed"
        assert widget_text(app.screen, "#commands").startswith("# benchmark")


async def test_preflight_says_what_is_wrong_worst_first_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, FAILS, WARNS, PASSES)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        title = str(app.screen.query_one("#commands").border_title)
        assert title == "commands · preflight: 1 check fails, 1 warning"
        lines = widget_text(app.screen, "#commands").splitlines()
        assert lines[:2] == ["✖ mpirun: there is none on PATH", "  fix: apt-get install openmpi-bin"]
        assert lines[2].startswith("! cores: 2 ranks share 1 cores")


@pytest.mark.parametrize("checks", ["check", "check_all_nodes"])
async def test_enter_asks_first_when_preflight_fails(
    monkeypatch: pytest.MonkeyPatch, started: list[Profile], checks: str
) -> None:
    finds(monkeypatch, PASSES)
    monkeypatch.setattr(preflight, checks, lambda profile: [FAILS, FAILS, WARNS])
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert "2 checks fail; start the run?" in widget_text(app.screen, "#question")
        await pilot.press("n")
        await wait_until_idle(pilot)
        assert started == []
        await pilot.press("enter", "y")
        await wait_until_idle(pilot)
        assert len(started) == 1


async def test_a_device_in_use_is_named_before_a_run_queues(started: list[Profile]) -> None:
    locks = DeviceLocks("0007_other")
    assert locks.take(["cpu"]) is None
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert "cpu is in use by run 0007_other" in widget_text(app.screen, "#question")
        assert started == []
        await pilot.press("y")
        await wait_until_idle(pilot)
        assert len(started) == 1
    locks.release()


async def test_a_warning_does_not_ask(monkeypatch: pytest.MonkeyPatch, started: list[Profile]) -> None:
    finds(monkeypatch, WARNS)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert len(started) == 1


async def test_a_late_preflight_answers_for_its_own_profile(
    monkeypatch: pytest.MonkeyPatch, started: list[Profile]
) -> None:
    may_answer = threading.Event()

    def check(profile: Profile) -> list[Check]:
        if isinstance(profile, TorchProfile) and profile.benchmark.num_runs == 20:
            may_answer.wait(PATIENCE_S)
            return [FAILS]
        return [PASSES]

    monkeypatch.setattr(preflight, "check", check)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        commands = app.screen.query
        while not commands("#commands") or "preflight ..." not in str(
            commands("#commands").first().border_title
        ):
            await pilot.pause(0.01)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("5", "enter")
        await pilot.pause()
        assert value(pilot, "benchmark.num_runs") == "5"
        may_answer.set()
        await wait_until_idle(pilot)
        await wait_until_idle(pilot)
        assert str(commands("#commands").first().border_title) == "commands · preflight: all 1 check passed"
        await pilot.press("f5")
        await wait_until_idle(pilot)
        assert len(started) == 1


async def test_stages_that_are_not_run_or_run_again_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    partly_cached(monkeypatch)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        shown = " ".join(widget_text(app.screen, "#commands").split())
        assert shown.startswith(
            "# convert: not run, cached: /data/small-checkpoint-1a2b3c4d # build: 1 rank, in /data"
            " # made again: max_batch_size 8 -> 16 trtllm-build"
        )


async def test_a_run_under_way_can_be_joined_but_not_changed() -> None:
    run_dir, lock = world.create_active_run("7f3a", "quickstart", ago=100)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        shown = widget_text(app.screen, "#profile-list").splitlines()
        assert shown[0].startswith("running now")
        assert shown[1].split()[:3] == ["●", "quickstart", "torch"]
        assert "running" in shown[1]
        assert "enter watch" in widget_text(app.screen, "#footer")
        assert chosen(pilot) == run_dir.name
        assert "running: Enter shows this run" in widget_text(app.screen, "#about")
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("e")
        await wait_until_idle(pilot)
        assert form_of(pilot).editing is None
        message = "the options of a run are read-only; select its profile below to edit them"
        assert notifications(pilot) == [message]
        await pilot.press("5")
        await wait_until_idle(pilot)
        assert form_of(pilot).editing is None
        await pilot.press("escape", "enter")
        await wait_until_idle(pilot)
        assert app.went == [("live", run_dir)]
    os.close(lock)


async def test_runs_under_way_are_in_view_in_a_small_window() -> None:
    _, lock = world.create_active_run("7f3a", "quickstart", ago=100)
    app = RecordingApp(HomePlace())
    drafts_of(app).chosen = "quickstart-long"
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart-long"
        assert widget_text(app.screen, "#profile-list").splitlines()[1].startswith("● quickstart")
    os.close(lock)


async def test_the_focused_pane_gets_the_room_of_a_small_terminal() -> None:
    app = RecordingApp(HomePlace())
    panes = ("#profiles", "#options", "#commands")
    async with app.run_test(size=(80, 24)) as pilot:
        for size in ((80, 24), (40, 12)):
            await pilot.resize_terminal(*size)
            for name in panes:
                await wait_until_idle(pilot)
                heights = {pane: app.screen.query_one(pane).size.height for pane in panes}
                assert max(panes, key=lambda pane: heights[pane]) == name, size
                await pilot.press("tab")


async def test_a_profile_with_axes_offers_its_sweep_or_one_run(started: list[Profile]) -> None:
    text = world.BUILT_IN["quickstart"].replace("name: quickstart", "name: mine")
    world.write_user_profile("mine", text + "sweep: {axes: {parallel.tp: [1, 2]}}\n")
    world.create_ended_run("aaaa", "mine", "finished", ago=180)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert "enter sweep or run" in widget_text(app.screen, "#footer")
        assert "Enter offers its sweep over parallel.tp." in widget_text(app.screen, "#about")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, SweepStart)
        assert "2 cells = 2 runs" in widget_text(app.screen, "#preview")
        assert started == []
        await pilot.press("f5")
        await wait_until_idle(pilot)
        assert [profile.name for profile in started] == ["mine"]
