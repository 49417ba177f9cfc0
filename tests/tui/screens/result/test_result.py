"""Keys of the result screen, and every kind of run that it can show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner import events as ev
from runner.cli.places import ResultPlace
from runner.history import baseline
from runner.util import paths
from tests.support import compared_runs, recorded_runs, recorder
from tests.support.keyboard import press_at_once
from tests.support.recorder import Recorder
from tests.support.runs import wait_for
from tests.tui.cockpit import OneScreenApp, text_of
from tui.framework.filter_input import FilterInput
from tui.framework.rows import Rows
from tui.screens.dialogs.help import HelpScreen
from tui.screens.live.log_page import LogScreen
from tui.screens.result.metric_table import layout_table, line_at
from tui.screens.result.screen import ResultScreen

SIZE = (120, 40)


class Cockpit(OneScreenApp):
    def __init__(self, run_dir: Path) -> None:
        super().__init__(ResultPlace(run_dir))


def result(app: Cockpit) -> ResultScreen:
    assert isinstance(app.screen, ResultScreen)
    return app.screen


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (recorded_runs.finished, "FINISHED"),
        (recorded_runs.failed, "FAILED"),
        (recorded_runs.stopped, "STOPPED"),
        (recorded_runs.lost, "LOST"),
        (recorded_runs.queued, "QUEUED"),
        (recorded_runs.warming_up, "RUNNING"),
        (recorded_runs.not_started, "STARTING"),
        (recorded_runs.long_names, "RUNNING"),
        (recorded_runs.chinese, "RUNNING"),
    ],
)
async def test_every_kind_of_run_is_drawn(make: Callable[[], Recorder], state: str, tmp_path: Path) -> None:
    with recorder.on_disk(make(), tmp_path) as run_dir:
        app = Cockpit(run_dir)
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause()
            assert state in text_of(app.screen, "#header")
            await pilot.press("down", "right", "u", "%", "C", "V", "question_mark", "escape", "up", "left")
            assert isinstance(app.screen, ResultScreen)


async def test_a_directory_without_a_run_is_reported(tmp_path: Path) -> None:
    app = Cockpit(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert text_of(app.screen, "#header") == "trtbench-tui  result"
        assert "not a run directory" in text_of(app.screen, "#failure")
        await pilot.press(
            "down", "right", "u", "%", "C", "V", "o", "l", "question_mark", "escape", "r", "h", "q"
        )
    assert app.went == ["runs", "home"]
    assert app.return_value == 0


async def test_a_run_that_was_deleted_is_reported_as_such(tmp_path: Path) -> None:
    app = Cockpit(tmp_path / "gone")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert "gone: there is no such directory" in text_of(app.screen, "#failure")


async def test_the_title_counts_the_metrics_below(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        frame = app.screen.query_one("#table-frame")
        assert str(frame.border_title) == "result of 2 ranks on bench01 · 20 more rows ↓"
        await pilot.press("end")
        assert str(frame.border_title) == "result of 2 ranks on bench01"


async def test_arrows_select_a_metric_and_a_configuration(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        screen = result(app)
        await pilot.press("down", "j", "right")
        assert (screen.table.selected, screen.table.column) == (2, 1)
        assert "unreliable below 20" in text_of(screen, "#detail")
        await pilot.press("k", "up", "up", "left", "left")
        assert (screen.table.selected, screen.table.column) == (0, 0)


async def test_the_selected_metric_stays_visible(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = result(app)
        table = screen.query_one("#table", Rows)
        for key in ["down"] * 30 + ["up"] * 30:
            await pilot.press(key)
            assert table.cursor is not None
            assert table.top <= table.cursor < table.top + table.size.height
        assert table.top == 0, "the first heading is visible again"


async def test_u_and_i_show_printed_values_and_intervals(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        assert "3098.760" not in text_of(app.screen, "#table")
        await pilot.press("u")
        assert "3098.760" in text_of(app.screen, "#table")
        await pilot.press("u", "%")
        assert "3098.760" not in text_of(app.screen, "#table")
        assert "±0.57 %" in text_of(app.screen, "#table")
        await pilot.press("u", "%", "%")
        assert "95 %" in text_of(app.screen, "#heading")


async def test_a_column_that_does_not_fit_is_reported(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished(1).write(tmp_path))
    async with app.run_test(size=(62, 24)) as pilot:
        await pilot.press("u")
        assert [notice.message for notice in app._notifications] == [
            "the terminal is too narrow for this column"
        ]


async def test_v_toggles_the_change_against_the_baseline(tmp_path: Path) -> None:
    before = recorded_runs.finished(2, iterations=30).write(paths.runs_dir(), "20260101T000000Z_p_0001")
    baseline.set_baseline([before])
    later = recorded_runs.finished(2, iterations=40).write(paths.runs_dir(), "20260102T000000Z_p_0002")
    app = Cockpit(later)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("u")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "baseline" in text_of(app.screen, "#heading")
        await pilot.press("v")
        assert "baseline" not in text_of(app.screen, "#heading")
        assert "reported by" in text_of(app.screen, "#heading"), "the column that was requested before stays"
        await pilot.press("v")
        assert "baseline" in text_of(app.screen, "#heading")


async def test_page_keys_home_and_end(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = result(app)
        selected = []
        for key in ("pagedown", "pageup", "end", "home"):
            await pilot.press(key)
            selected.append(screen.table.selected)
        assert selected == [screen.rows_of_page(), 0, len(screen.table.lines) - 1, 0]


async def test_a_click_selects_a_number(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        screen = result(app)
        table = screen.query_one("#table", Rows)
        shape = layout_table(screen.table, table.size.width)
        await pilot.click("#table", offset=(shape.label + shape.cell + 4, 3))
        assert (screen.table.lines[screen.table.selected].metric.name, screen.table.column) == (
            "latency_p95_ms",
            1,
        )
        await pilot.press("end")
        row, below = next(
            (row, below)
            for row in range(1, table.size.height)
            if (below := line_at(screen.table, table.top + row)) is not None
        )
        await pilot.click("#table", offset=(3, row))
        assert screen.table.selected == below
        assert screen.table.column == 1, "a click on a name keeps the configuration"
        await pilot.click("#flags")
        assert screen.table.column == 1


async def test_iterations_of_each_configuration_are_drawn(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished(2).write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        _, _, upper, lower = text_of(app.screen, "#heading").splitlines()
        assert upper.split()[:2] == ["iterations", "ms"]
        assert lower.count("╎") == 2, "warm-up ends there"


async def test_a_long_log_is_read_in_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.result.screen.READ_AT_ONCE", 0)
    app = Cockpit(recorded_runs.finished(2).write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "iterations" in text_of(app.screen, "#heading")


async def test_many_warnings_scroll_and_the_first_are_visible(tmp_path: Path) -> None:
    run = recorded_runs.finished()
    for number in range(12):
        text = f"reason {number} " + "that is long " * 10
        run.events.insert(-1, ev.Notice(t=run.t, level="warning", text=text))
    app = Cockpit(run.write(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        flags = app.screen.query_one("#flags", Rows)
        visible = [flags.render_line(y).text for y in range(flags.size.height)]
        assert [line[2:10] for line in visible[:3]] == ["reason 0", "reason 1", "reason 2"]
        assert flags.last_top > 0, "the others can be scrolled to"
        await pilot.press("d")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app.screen, "#help")
        assert all(f"reason {number} " in shown for number in range(12))


async def test_question_mark_explains_the_selected_number(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app.screen, "#help")
        for word in ("sum of latencies", "timed iterations of rank 0", "3 098.760 ms", "latency(ms)"):
            assert word in shown


async def test_y_and_t_copy_the_table(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("C")
        assert app.clipboard.startswith("**qwen2.5-32b-fp16-tp8**")
        assert "| latency, mean" in app.clipboard
        await pilot.press("V")
        rows = [line.split("\t") for line in app.clipboard.splitlines()]
        assert rows[0] == [
            "metric",
            "unit",
            "batch 1 64→24",
            "batch 4 64→24",
            "batch 8 64→24",
            "batch 16 64→24",
        ]
        assert rows[1][:2] == ["latency, mean", "ms"]
        assert float(rows[1][2]) == pytest.approx(3098.76)


@pytest.mark.parametrize("remote", [False, True], ids=["desktop", "ssh"])
async def test_o_writes_the_report_and_opens_it_on_a_desktop(
    remote: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(
        f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened.part; mv {tmp_path}/opened.part {tmp_path}/opened\n'
    )
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{opener.parent}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"):
        monkeypatch.delenv(name, raising=False)
    if remote:
        monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    run_dir = recorded_runs.finished().write(tmp_path)
    before = sorted(run_dir.iterdir())
    app = Cockpit(run_dir)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("o")
        await app.workers.wait_for_complete()
        _, notice = app._notifications
    path = paths.state_home() / "reports" / f"{run_dir.name}.html"
    assert path.read_text().startswith("<!doctype html>")
    assert str(path) in notice.message
    assert notice.message.startswith("no desktop here" if remote else "opened")
    if remote:
        assert not (tmp_path / "opened").exists()
    else:
        wait_for((tmp_path / "opened").exists, "the desktop's browser")
        assert (tmp_path / "opened").read_text() == str(path)
    assert sorted(run_dir.iterdir()) == before, "nothing changes in the directory of a run"


async def test_a_failure_to_write_the_report_is_reported(tmp_path: Path) -> None:
    (paths.state_home()).mkdir(parents=True)
    (paths.state_home() / "reports").write_text("in the way")
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("o")
        await app.workers.wait_for_complete()
        _, notice = app._notifications
        assert "reports: cannot be created" in notice.message


async def test_l_opens_the_log_with_the_cause(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.failed().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        assert recorded_runs.CAUSE in text_of(app.screen, "#failure")
        await pilot.press("l")
        assert isinstance(app.screen, LogScreen)
        assert "MemoryError: 14.2 GiB" in text_of(app.screen, "#log")
        await pilot.press("l")
        assert isinstance(app.screen, ResultScreen)


async def test_fast_input_goes_into_the_log_search(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.failed().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("l")
        await press_at_once(pilot, "slash", *"/qlfn")
        assert isinstance(app.screen, LogScreen)
        assert app.screen.query_one(FilterInput).value == "/qlfn"


async def test_l_without_a_log_is_reported(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.queued().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("l")
        assert isinstance(app.screen, ResultScreen)
        assert [notice.message for notice in app._notifications] == ["this run has no log"]


async def test_warnings_come_first_and_are_hidden_if_there_are_none(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path / "a"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        flags, table = app.screen.query_one("#flags"), app.screen.query_one("#table")
        assert flags.region.y < table.region.y
    app = Cockpit(recorded_runs.finished(1, iterations=100).write(tmp_path / "b"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert not app.screen.query_one("#flags").display


async def test_r_h_escape_and_q(tmp_path: Path) -> None:
    app = Cockpit(recorded_runs.finished().write(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("r", "h", "escape", "q")
    assert app.went == ["runs", "home", "back"]
    assert app.return_value == 0


async def test_numbers_are_compared_with_the_baseline() -> None:
    before = [
        compared_runs.run({1: compared_runs.some(100 + i / 10, seed=i)}, name=f"a00{i}", second=i)
        for i in range(5)
    ]
    after = compared_runs.run({1: compared_runs.some(105, seed=9)}, name="bbbb", second=9)
    baseline.set_baseline(before)
    app = Cockpit(after)
    async with app.run_test(size=SIZE) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        lines = text_of(app.screen, "#table").splitlines()
        assert next(line for line in lines if "latency, mean" in line).rstrip().endswith("% SLOWER")
        assert "baseline" in text_of(app.screen, "#heading")
        assert "vs baseline a000, a001" in str(app.screen.query_one("#table-frame").border_subtitle)
        await pilot.press("question_mark")
        assert "vs baseline" in text_of(app.screen, "#help")


async def test_b_makes_the_run_the_baseline(tmp_path: Path) -> None:
    run_dir = compared_runs.run({1: compared_runs.some()}, name="aaaa")
    app = Cockpit(run_dir)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("b")
        found = baseline.find_baseline("p")
        assert found is not None
        assert found.runs == (run_dir.name,)
    failed = compared_runs.run({1: compared_runs.some()}, name="bbbb", status="failed", second=1)
    app = Cockpit(failed)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("b")
        await pilot.pause()
        assert "only a finished run can be a baseline" in str(list(app._notifications)[-1].message)
        assert baseline.find_baseline("p") == found
