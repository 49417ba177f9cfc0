"""Keys of the live screen, and its reactions to events of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.run import layout
from runner.util.exit_codes import ExitCode
from tests.support import recorded_runs, recorder
from tests.tui.cockpit import text_of
from tests.tui.screens.live.support import SIZE, Cockpit, cockpit, settled
from tui.framework.keymap import valid_keys
from tui.framework.rows import Rows
from tui.screens.dialogs.confirm import STOPPED_BY, ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.live.keys import KEYS
from tui.screens.live.screen import LiveScreen
from tui.screens.result.screen import ResultScreen


async def test_q_leaves_the_run_and_prints_the_attach_command(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        assert "leave it running" in text_of(app.screen, "#footer")
        await pilot.press("q")
    assert app.return_value == 0
    assert "run 7f3a continues: trtbench-tui attach 7f3a" in app.exit_message
    assert layout.read_stop_request(tmp_path / "20260101T000000Z_p_7f3a") is None


async def test_ctrl_c_acts_like_q(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("ctrl+c")
    assert app.return_value == 0
    assert "continues" in app.exit_message


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (recorded_runs.finished, ExitCode.OK),
        (recorded_runs.failed, ExitCode.RUN_FAILED),
        (recorded_runs.stopped, ExitCode.RUN_STOPPED),
        (recorded_runs.lost, ExitCode.RUN_LOST),
    ],
)
async def test_q_after_the_end_returns_the_exit_code_of_the_run(
    make: object, code: ExitCode, tmp_path: Path
) -> None:
    assert callable(make)
    app = cockpit(make(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("q")
    assert app.return_value == code
    assert app.exit_message == ""


async def test_x_asks_for_confirmation_and_stops(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    run_dir = tmp_path / "20260101T000000Z_p_7f3a"
    async with app.run_test(size=SIZE) as pilot:
        for answer in ("n", "escape"):
            await pilot.press("x")
            assert isinstance(app.screen, ConfirmScreen)
            await pilot.press("enter")
            assert isinstance(app.screen, ConfirmScreen), "Enter is no answer"
            await pilot.press(answer)
            assert isinstance(app.screen, LiveScreen)
            assert layout.read_stop_request(run_dir) is None
        await pilot.press("x", "y")
        assert layout.read_stop_request(run_dir) == STOPPED_BY


async def test_x_is_disabled_after_the_end(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.failed(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        assert "stop" not in text_of(app.screen, "#footer")
        await pilot.press("x")
        assert isinstance(app.screen, LiveScreen)


async def test_enter_opens_the_result_of_an_ended_run_only(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path / "a")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("enter")
        assert isinstance(app.screen, LiveScreen)
    app = cockpit(recorded_runs.failed(), tmp_path / "b")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, ResultScreen)


async def test_h_r_and_escape_open_home_runs_and_the_previous_screen(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("h", "r", "escape")
    assert app.went == ["home", "runs", "back"]


@pytest.mark.parametrize(
    ("key", "kept", "hidden"),
    [
        ("l", "#log", "#plot"),
        ("4", "#log", "#ranks"),
        ("p", "#plot", "#log"),
        ("1", "#plot", "#ranks"),
        ("2", "#ranks", "#log"),
    ],
)
async def test_panel_keys_maximise_and_restore(key: str, kept: str, hidden: str, tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        before = app.screen.query_one(kept).size.height
        for restore in (key, "escape"):
            await pilot.press(key)
            await pilot.pause()
            assert app.screen.query_one(kept).size.height > before
            assert not app.screen.query_one(hidden).region
            await pilot.press(restore)
            await pilot.pause()
            assert app.screen.query_one(kept).size.height == before
    assert app.went == []


@pytest.mark.parametrize(("key", "panel"), [("!", "#plot"), ("@", "#ranks"), ("#", "#gpus"), ("$", "#log")])
async def test_hide_keys_hide_and_show_a_panel(key: str, panel: str, tmp_path: Path) -> None:
    app = cockpit(recorded_runs.on_gpus(8, 2), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        before = {name: app.screen.query_one(name).region for name in ("#plot", "#ranks", "#gpus", "#log")}
        await pilot.press(key)
        await pilot.pause()
        assert not app.screen.query_one(panel).region
        assert all(app.screen.query_one(other).region for other in before if other != panel)
        await pilot.press(key)
        await pilot.pause()
        assert {name: app.screen.query_one(name).region for name in before} == before


async def test_a_double_click_maximises_and_restores_a_panel(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.on_gpus(8, 2), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        for panel in ("#plot", "#ranks", "#gpus", "#log"):
            before = app.screen.query_one(panel).region
            await pilot.click(panel, times=2)
            await pilot.pause()
            assert app.screen.query_one(panel).region.height > 30
            await pilot.click(panel, times=2)
            await pilot.pause()
            assert app.screen.query_one(panel).region == before


async def test_3_maximises_the_gpus_only_if_the_run_has_some(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.on_gpus(16, 2), tmp_path / "a")
    async with app.run_test(size=SIZE) as pilot:
        gpus = app.screen.query_one("#gpus", Rows)
        assert "+6 more" in text_of(app.screen, "#gpus")
        await pilot.press("3")
        await pilot.pause()
        assert gpus.size.height >= 17
        assert "more" not in text_of(app.screen, "#gpus")
        await pilot.press("escape")
        await pilot.pause()
        assert app.went == []
    app = cockpit(recorded_runs.under_way(), tmp_path / "b")
    async with app.run_test(size=SIZE) as pilot:
        assert "GPUs" not in text_of(app.screen, "#footer")
        await pilot.press("3")
        await pilot.pause()
        assert app.screen.query_one("#plot").region


async def test_question_mark_lists_every_key(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app.screen, "#help")
        for key in valid_keys(KEYS, "running"):
            assert key.help.split()[0] in shown
        await pilot.press("escape")
        assert isinstance(app.screen, LiveScreen)


async def test_arrows_scroll_the_log_and_end_follows_it(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.log = "".join(f"line {n}\n" for n in range(100))
    app = cockpit(run, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        log = app.screen.query_one("#log", Rows)
        assert log.render_line(log.size.height - 1).text.startswith("line 99")
        await pilot.press("up", "up")
        assert log.render_line(log.size.height - 1).text.startswith("line 97")
        with open(tmp_path / "20260101T000000Z_p_7f3a" / "0-benchmark.log", "a") as file:
            file.write("line 100\n")
        await settled(pilot)
        assert log.render_line(log.size.height - 1).text.startswith("line 97"), "a scrolled log does not move"
        await pilot.press("end")
        assert log.render_line(log.size.height - 1).text.startswith("line 100")


async def test_arrows_scroll_the_log_if_the_ranks_do_not_fit(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(8, 8)
    run.log = "".join(f"line {n}\n" for n in range(100))
    app = cockpit(run, tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        log = app.screen.query_one("#log", Rows)
        await pilot.press("up")
        assert log.render_line(log.size.height - 1).text.startswith("line 98")


async def test_arrows_scroll_the_ranks_only_while_they_are_maximised(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(64), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        ranks = app.screen.query_one("#ranks", Rows)
        await pilot.press("down")
        assert ranks.top == 0
        await pilot.press("2", "down")
        assert ranks.top == 1


async def test_the_result_opens_when_a_watched_run_finishes(tmp_path: Path) -> None:
    run = recorded_runs.finished()
    feed = run.feed(tmp_path)
    rest, feed.pending = feed.pending[-3:], feed.pending[:-3]
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, LiveScreen)
        feed.pending = rest
        await settled(pilot)
        assert isinstance(app.screen, ResultScreen)


async def test_the_screen_stays_if_the_run_finished_before(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.finished(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, LiveScreen)
        assert "Enter shows the result" in text_of(app.screen, "#health")


async def test_the_screen_stays_and_shows_why_a_watched_run_failed(tmp_path: Path) -> None:
    feed = recorded_runs.failed().feed(tmp_path)
    rest, feed.pending = feed.pending[-3:], feed.pending[:-3]
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        feed.pending = rest
        await settled(pilot)
        assert isinstance(app.screen, LiveScreen)
        assert recorded_runs.CAUSE in text_of(app.screen, "#health")
        assert "enter result" in text_of(app.screen, "#footer")


async def test_a_deleted_run_directory_is_reported_and_the_view_kept(tmp_path: Path) -> None:
    feed = recorded_runs.under_way().feed(tmp_path)
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        before = {name: text_of(app.screen, name) for name in ("#plot", "#ranks", "#stages")}
        feed.gone = True
        await settled(pilot)
        assert "deleted" in text_of(app.screen, "#health")
        assert {name: text_of(app.screen, name) for name in before} == before


async def test_a_failed_stop_request_is_reported(tmp_path: Path) -> None:
    feed = recorded_runs.under_way().feed(tmp_path)
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        feed.run_dir = tmp_path / "gone"
        await pilot.press("x", "y")
        await pilot.pause()
        assert [notice.severity for notice in app._notifications] == ["error"]


async def test_no_widget_is_refreshed_without_changes(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        refreshed: list[object] = []
        for widget in app.screen.query(Rows):
            widget.refresh = lambda *regions, **_: refreshed.append(regions)  # type: ignore[method-assign,assignment]
        for _ in range(5):
            await settled(pilot)
        assert refreshed == []


async def test_a_passing_second_refreshes_single_rows(tmp_path: Path) -> None:
    feed = recorded_runs.under_way().feed(tmp_path, after_s=1)
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        refreshed: list[object] = []
        for widget in app.screen.query(Rows):
            widget.refresh = lambda *regions, **_: refreshed.append(regions)  # type: ignore[method-assign,assignment]
        feed.at += recorder.SECOND
        await settled(pilot)
        # Header, stage, remaining time and duration bar.
        assert len(refreshed) <= 4
        assert () not in refreshed


async def test_t_cycles_through_the_plots(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        plot = app.screen.query_one("#plot")
        titles = [str(plot.border_title)]
        for _ in range(3):
            await pilot.press("v")
            titles.append(str(plot.border_title))
        assert titles[0] == titles[3] == "latency over time, ms"
        assert len(set(titles)) == 3
        await pilot.press("v")
        assert "↑mean" in text_of(app.screen, "#plot")
        await settled(pilot)
        assert "↑mean" in text_of(app.screen, "#plot"), "the plot does not change back"
