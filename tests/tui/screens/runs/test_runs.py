"""The list of runs: every key, every kind of run, and ten thousand of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from runner.cli.places import RunsPlace
from runner.history.reader import RunHistory
from runner.history.run_entry import RunEntry
from runner.run import layout
from tests.support import histories, world
from tests.support.histories import figure
from tests.support.keyboard import press_at_once
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tests.tui.screens.runs.support import foreign, some_runs, steady_disk
from tui.framework.filter_input import FilterInput
from tui.screens.dialogs.confirm import STOPPED_BY, ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.runs.run_list import RunList
from tui.screens.runs.screen import RunsScreen

SIZE = (120, 40)


def current(pilot: Pilot[int]) -> str:
    entry = pilot.app.screen.query_one(RunList).current
    return entry.run.rpartition("_")[2] if entry else ""


async def test_no_runs() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert widget_text(app.screen, "#run-list").startswith(
            "no runs yet; start one on the home screen (h)"
        )
        await pilot.press("enter", "x", "down")
        await wait_until_idle(pilot)
        assert app.went == []


async def test_what_a_line_says(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady_disk(monkeypatch)
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        lines = widget_text(app.screen, "#run-list").splitlines()
        words = [" ".join(line.split()) for line in lines[:5]]
        assert words == [
            "● RUNNING quickstart 1 min ago 1:40 – – 0 nothing 7f3a",
            "✔ FINISHED quickstart 3 min ago 1:02 – – 1 nothing aaaa",
            "✖ FAILED torch-1gpu 2 h ago 1:02 – – 1 first run bbbb rank 1 ran…",
            "■ STOPPED quickstart 31 Dec 14:00 1:02 – – 1 nothing cccc",
            "? LOST quickstart 27 Nov 2024 1:02 – – 1 first run dddd the run wa…",
        ]
        assert "5 runs · 1 active" in widget_text(app.screen, "#header")


async def test_moving(running: Path) -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        for key, expected in (("down", "aaaa"), ("j", "bbbb"), ("k", "aaaa"), ("up", "7f3a"), ("end", "dddd"),
                              ("home", "7f3a"), ("pagedown", "dddd"), ("pageup", "7f3a")):  # fmt: skip
            await pilot.press(key)
            await pilot.pause()
            assert current(pilot) == expected, key


async def test_enter_attaches_to_a_run_under_way(running: Path) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert app.went == [("live", running)]


async def test_enter_opens_the_result_of_a_run_that_ended() -> None:
    run_dir = world.create_ended_run("aaaa", "quickstart", "failed", ago=180)
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert app.went == [("result", run_dir)]


async def test_a_double_click_opens_and_a_click_chooses() -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.click("#run-list", offset=(10, 1))
        await wait_until_idle(pilot)
        assert current(pilot) == "bbbb"
        assert app.went == []
        await pilot.click("#run-list", offset=(10, 1), times=2)
        await wait_until_idle(pilot)
        assert len(app.went) == 1


async def test_stopping_asks_first(running: Path) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        for answer, stopped in (("n", None), ("escape", None), ("y", STOPPED_BY)):
            await pilot.press("x")
            await wait_until_idle(pilot)
            assert isinstance(app.screen, ConfirmScreen)
            await pilot.press(answer)
            await wait_until_idle(pilot)
            assert layout.read_stop_request(running) == stopped
        assert notifications(pilot) == ["stop requested: quickstart"]


async def test_there_is_nothing_to_stop_in_a_run_that_ended() -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("x")
        await wait_until_idle(pilot)
        assert notifications(pilot) == ["this run has already ended"]


def listed(pilot: Pilot[int]) -> list[str]:
    return [entry.run[-4:] for entry in pilot.app.screen.query_one(RunList).entries]


async def typed(pilot: Pilot[int], text: str) -> None:
    """Type a filter in place of the one there is."""
    if not pilot.app.screen.query(FilterInput):
        await pilot.press("slash")
        await pilot.pause()
    pilot.app.screen.query_one(FilterInput).value = text
    await pilot.pause()
    await pilot.pause()


async def test_a_fast_typist_types_into_the_filter(running: Path) -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, "slash", *"/dqhtx")
        assert app.went == []
        assert app.screen.query_one(FilterInput).value == "/dqhtx"
        await press_at_once(pilot, "escape")
        await press_at_once(pilot, "space", "slash", *"1gpu")
        assert listed(pilot) == ["bbbb"]


async def test_filtering_by_words_and_terms(running: Path) -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        for text, expected in (("1gpu", ["bbbb"]), ("finished", ["aaaa"]), ("ccc", ["cccc"]),
                               ("quick lost", ["dddd"]), ("status:failed", ["bbbb"]),
                               ("since:1h", ["7f3a", "aaaa"]), ("-quick", ["bbbb"]),
                               ("took:<1h status:ended since:2h", ["aaaa", "bbbb"]),
                               ("nothing", [])):  # fmt: skip
            await typed(pilot, text)
            assert listed(pilot) == expected, text
        assert "no run matches “nothing” (esc all)" in widget_text(app.screen, "#run-list")
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert len(listed(pilot)) == 5


async def test_a_mistake_in_a_filter_is_told_while_typing() -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await typed(pilot, "quick status:")
        assert widget_text(app.screen, "#filter-refusal").startswith(
            "status: needs a value: running, finished"
        )
        assert listed(pilot) == ["aaaa", "cccc", "dddd"], "the other terms count"
        await typed(pilot, "quick status:l")
        assert not app.screen.query_one("#filter-refusal").display
        assert listed(pilot) == ["dddd"]
        await typed(pilot, "colour:red status:l")
        assert "unknown key colour:" in widget_text(app.screen, "#filter-refusal")
        assert listed(pilot) == ["dddd"]
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert app.screen.query("#filter"), "Enter does not leave a filter that says nothing"
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert not app.screen.query("#filter")
        assert not app.screen.query_one("#filter-refusal").display
        assert len(listed(pilot)) == 4


def measured_runs() -> None:
    histories.ended("aaaa", "qwen", ago=100, seconds=50, figures=[figure(300, 30)], flags=["doubt"])
    histories.ended("bbbb", "llama", ago=200, seconds=90, figures=[figure(100, 10)])
    histories.ended("cccc", "qwen", ago=300, seconds=70, figures=[figure(200, 20)])
    histories.ended("dddd", "Mixtral", "failed", ago=400, seconds=20)


async def test_sorting_by_key() -> None:
    measured_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert listed(pilot) == ["aaaa", "bbbb", "cccc", "dddd"]
        for expected, title in (
            (["aaaa", "cccc", "bbbb", "dddd"], "runs · most tokens/s first"),
            (["bbbb", "cccc", "aaaa", "dddd"], "runs · lowest latency first"),
            (["bbbb", "cccc", "aaaa", "dddd"], "runs · longest first"),
            (["bbbb", "dddd", "aaaa", "cccc"], "runs · by profile"),
            (["aaaa", "bbbb", "cccc", "dddd"], "runs · most warnings first"),
        ):
            await pilot.press("s")
            await wait_until_idle(pilot)
            assert (listed(pilot), app.screen.query_one("#runs").border_title) == (expected, title)
        await pilot.press("S")
        await wait_until_idle(pilot)
        assert listed(pilot) == ["bbbb", "cccc", "dddd", "aaaa"]
        await pilot.press("s", "s")
        await wait_until_idle(pilot)
        assert app.screen.query_one("#runs").border_title == "runs"


async def test_sorting_by_a_click_on_a_title() -> None:
    measured_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        where = widget_text(app.screen, "#run-titles").index("latency")
        for expected in (["bbbb", "cccc", "aaaa", "dddd"], ["aaaa", "cccc", "bbbb", "dddd"]):
            await pilot.click("#run-titles", offset=(where + 1, 0))
            await wait_until_idle(pilot)
            assert listed(pilot) == expected


async def test_groups_with_their_trend() -> None:
    measured_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("down", "v")
        await wait_until_idle(pilot)
        assert current(pilot) == "bbbb"
        lines = widget_text(app.screen, "#run-list").splitlines()
        assert lines[0].split()[:4] == ["▾", "qwen", "2", "runs"]
        assert "▁▇  300.0 tokens/s  +50.0 %  batch 1 128→64" in lines[0]
        assert [line.split()[2] for line in lines[1:3]] == ["qwen", "qwen"]
        assert lines[3].split()[:2] == ["▾", "llama"]
        await pilot.press("home")
        assert current(pilot) == "aaaa"
        await pilot.click("#run-list", offset=(20, 3))
        assert current(pilot) == "aaaa", "a heading is nothing to choose"
        await pilot.press("v")
        await wait_until_idle(pilot)
        assert listed(pilot) == ["aaaa", "bbbb", "cccc", "dddd"]


async def test_the_room_on_the_disk_is_shown() -> None:
    measured_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert widget_text(app.screen, "#header").strip().endswith("KiB")
        assert "KiB" in widget_text(app.screen, "#run-detail").splitlines()[0]


async def test_a_filter_stays_after_enter_and_goes_with_escape() -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("slash", *"quick", "down", "enter")
        await wait_until_idle(pilot)
        assert current(pilot) == "cccc"
        assert "filter: quick · 3 of 4" in str(app.screen.query_one("#runs").border_subtitle)
        assert app.went == []
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert app.screen.query_one(RunList).items == 4
        assert current(pilot) == "cccc"


@pytest.mark.parametrize(("key", "place"), [("h", "home"), ("q", "away")])
async def test_leaving(key: str, place: str) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press(key)
        await wait_until_idle(pilot)
        assert app.went == [place]


async def test_help() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("question_mark")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, HelpScreen)


async def test_a_new_run_appears_and_the_choice_stays() -> None:
    some_runs()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("down")
        assert current(pilot) == "bbbb"
        world.create_ended_run("eeee", "quickstart", "finished", ago=10)
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        screen._read_in_background()
        await wait_until_idle(pilot)
        assert "eeee" in widget_text(screen, "#run-list")
        assert current(pilot) == "bbbb"


async def test_what_is_no_run_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_disk(monkeypatch)
    foreign()
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        lines = [" ".join(line.split()) for line in widget_text(app.screen, "#run-list").splitlines()[:2]]
        assert lines[0].startswith("? NO RUN 20260101…er_0001 unknown – – – – 0001 not a run")
        assert "not a run directory" in widget_text(app.screen, "#run-detail")
        await pilot.press("down")
        assert "plan.json: cannot be read as" in widget_text(app.screen, "#run-detail")
        await pilot.press("up")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert notifications(pilot)[0].startswith("20260101T120000Z_stranger_0001: not a run directory")
        assert app.went == []


async def test_ten_thousand_runs_move_as_fast_as_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [
        RunEntry(run_dir=Path(f"/runs/{index}"), run=f"20260101T000000Z_p{index}_{index:04x}",
              profile=f"p{index}", engine="torch", status="finished", started=world.NOW - index, seconds=1.0)
        for index in range(10_000)
    ]  # fmt: skip
    monkeypatch.setattr(RunHistory, "entries", lambda self, newest=None, disk=False: many[:newest])
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        runs = app.screen.query_one(RunList)
        began = time.thread_time()
        for _ in range(100):
            runs.action_page(1)
            runs.action_move(-1)
        runs.action_move(10_000)
        assert time.thread_time() - began < 2
        assert current(pilot) == "270f"
        await pilot.press("slash", *"p77")
        await wait_until_idle(pilot)
        assert runs.items == 111
        began = time.thread_time()
        for key in ("escape", "g", "s", "s", "S"):
            await pilot.press(key)
        await wait_until_idle(pilot)
        assert time.thread_time() - began < 4
