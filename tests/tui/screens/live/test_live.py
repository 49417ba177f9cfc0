"""Keys of the live screen, and its reactions to events of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from runner import events as ev
from runner.cli.places import LivePlace
from runner.errors import ExitCode
from runner.history.run_feed import open_feed
from runner.run import layout
from tests.support import recorded_runs
from tests.support.keyboard import press_at_once
from tests.support.recorded_runs import RecordedFeed, Recorder
from tui.app import TrtbenchApp
from tui.framework.filter_input import FilterInput
from tui.framework.keymap import valid_keys
from tui.framework.rows import Rows, row_text
from tui.screens.dialogs.confirm import STOPPED_BY, ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.live.health_page import HealthScreen
from tui.screens.live.health_view import health_sections
from tui.screens.live.keys import KEYS
from tui.screens.live.log_view import LogView
from tui.screens.live.screen import LiveScreen
from tui.screens.live.view import make_live_view
from tui.screens.result.screen import ResultScreen

SIZE = (120, 40)


class Cockpit(TrtbenchApp):
    """The app; it records navigation instead of opening home, runs and the previous screen."""

    def __init__(self, feed: RecordedFeed) -> None:
        super().__init__(LivePlace(feed))
        self.went: list[str] = []

    def open_home(self) -> None:
        self.went.append("home")

    def open_runs(self) -> None:
        self.went.append("runs")

    def back(self) -> None:
        self.went.append("back")


def cockpit(run: Recorder, root: Path) -> Cockpit:
    return Cockpit(run.feed(root, after_s=1))


def text_of(screen: Screen[Any], name: str) -> str:
    return "\n".join(row_text(row) for row in screen.query_one(name, Rows)._rows)


async def settled(pilot: Pilot[int]) -> None:
    """Wait for one frame of the live screen."""
    screen = pilot.app.screen
    if isinstance(screen, LiveScreen):
        screen.tick()
    await pilot.pause()
    await pilot.pause()


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
        ("m", "#ranks", "#plot"),
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


async def test_g_maximises_the_gpus_only_if_the_run_has_some(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.on_gpus(16, 2), tmp_path / "a")
    async with app.run_test(size=SIZE) as pilot:
        gpus = app.screen.query_one("#gpus", Rows)
        assert "+6 more" in text_of(app.screen, "#gpus")
        await pilot.press("g")
        await pilot.pause()
        assert gpus.size.height >= 17
        assert "more" not in text_of(app.screen, "#gpus")
        await pilot.press("escape")
        await pilot.pause()
        assert app.went == []
    app = cockpit(recorded_runs.under_way(), tmp_path / "b")
    async with app.run_test(size=SIZE) as pilot:
        assert "GPUs" not in text_of(app.screen, "#footer")
        await pilot.press("g")
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


async def test_arrows_scroll_the_ranks_if_there_are_many(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(64), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        ranks = app.screen.query_one("#ranks", Rows)
        await pilot.press("down")
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
        feed.at += recorded_runs.SECOND
        await settled(pilot)
        # Header, stage, remaining time and duration bar.
        assert len(refreshed) <= 4
        assert () not in refreshed


# --- the log -----------------------------------------------------------------------------------------------


def with_log(root: Path, lines: int = 100) -> Cockpit:
    run = recorded_runs.under_way()
    run.log = "".join(f"[TRT-LLM] [{'E' if n == 50 else 'I'}] line {n}\n" for n in range(lines))
    return cockpit(run, root)


def log_of(app: TrtbenchApp) -> LogView:
    return app.screen.query_one(LogView)


def lines_of(app: TrtbenchApp) -> list[str]:
    log = log_of(app)
    return [log.render_line(y).text.rstrip() for y in range(log.size.height)]


async def test_slash_searches_the_log_and_n_steps_through_matches(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"line 7")
        await pilot.pause()
        assert not app.screen.query_one("#footer").region, "the search input replaces it"
        assert log_of(app).border_subtitle == "/line 7: 11 of 11 · at 85 %, end follows"
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.query_one("#footer").region
        assert any("line 79" in line for line in lines_of(app))
        await pilot.press("N", "N", "n")
        assert str(log_of(app).border_subtitle).startswith("/line 7: 10 of 11")
        await pilot.press("escape")
        assert app.went == [], "it only ended the search"
        assert "/" not in str(log_of(app).border_subtitle)


async def test_fast_input_goes_into_the_search(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press_at_once(pilot, "l", "slash", *"/xqr 7")
        assert isinstance(app.screen, LiveScreen)
        assert app.went == []
        assert app.screen.query_one(FilterInput).value == "/xqr 7"


async def test_a_replay_shows_the_log_written_until_then(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.log = "".join(f"line {n}\n" for n in range(100))
    for lines in (3, 5):
        written = len("line 0\n") * lines
        reading = ev.Host(t=0, cpu_percent=1, memory_used=1, memory_total=9, load=1, log_bytes=written)
        run.add(reading, 1)
    feed = run.feed(tmp_path)
    feed.live = False
    later, feed.pending = feed.pending[-1:], feed.pending[:-1]
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert [line for line in lines_of(app) if line] == ["line 0", "line 1", "line 2"]
        feed.pending = later
        await settled(pilot)
        assert [line for line in lines_of(app) if line][-1] == "line 4"


async def test_escape_ends_the_search(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"line", "escape")
        await pilot.pause()
        assert log_of(app).window is not None
        assert log_of(app).window.search is None  # type: ignore[union-attr]
        assert not app.screen.query("#search")
        await pilot.press("slash")
        assert app.screen.query("#search")


async def test_f_cycles_through_the_levels(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("f")
        assert [line for line in lines_of(app) if line] == ["[TRT-LLM] [E] line 50"]
        assert log_of(app).border_subtitle == "warnings and errors"
        await pilot.press("f")
        assert log_of(app).border_subtitle == "errors only"
        await pilot.press("f")
        assert log_of(app).border_subtitle == ""


async def test_home_and_end_scroll_the_log(tmp_path: Path) -> None:
    app = with_log(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("home")
        assert lines_of(app)[0].endswith("line 0")
        await pilot.press("pagedown")
        assert lines_of(app)[0].endswith("line 10")
        await pilot.press("end")
        assert lines_of(app)[-1].endswith("line 99")


# --- plots and health --------------------------------------------------------------------------------------


async def test_t_cycles_through_the_plots(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        plot = app.screen.query_one("#plot")
        titles = [str(plot.border_title)]
        for _ in range(3):
            await pilot.press("t")
            titles.append(str(plot.border_title))
        assert titles[0] == titles[3] == "latency over time, ms"
        assert len(set(titles)) == 3
        await pilot.press("t")
        assert "↑mean" in text_of(app.screen, "#plot")
        await settled(pilot)
        assert "↑mean" in text_of(app.screen, "#plot"), "the plot does not change back"


async def test_d_opens_the_health_overlay_which_updates_itself(tmp_path: Path) -> None:
    feed = recorded_runs.under_way(8).feed(tmp_path)
    app = Cockpit(feed)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d")
        assert isinstance(app.screen, HealthScreen)
        assert "stalled" not in text_of(app.screen, "#help")
        assert "rank 7" in text_of(app.screen, "#help")
        feed.at += 90 * recorded_runs.SECOND
        app.screen.reload()
        said = text_of(app.screen, "#help")
        assert "no iteration for 90 s, median 6.3 s" in said
        assert "last one 1:30 ago" in said
        await pilot.press("down")
        assert app.screen.query_one("#help", Rows).top == 1
        await pilot.press("d")
        assert isinstance(app.screen, LiveScreen)


def test_the_health_overlay_contains_the_warning_of_the_screen(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_configuration()
    for i in range(40):
        run.iterate(1, first=i, base_ms=6300.0 + 40 * i)
    feed = run.feed(tmp_path)
    feed.drain(1.0)
    (warning, *_) = make_live_view(feed).health.lines
    assert "the latency drifts by" in warning
    assert ("", warning) in dict(health_sections(feed))["findings"]


async def test_health_of_a_stall_has_the_stacks_of_the_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "bench01")
    monkeypatch.setattr("tui.screens.live.health_page.stack_reader", lambda: "py-spy")
    monkeypatch.setattr(
        "tui.screens.live.health_page.read_stacks",
        lambda pids, reader: {pid: ["Thread 1", f"all_reduce of {pid}"] for pid in pids},
    )
    app = Cockpit(recorded_runs.stalled().feed(tmp_path, after_s=1))
    async with app.run_test(size=(120, 100)) as pilot:
        await pilot.press("d")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "all_reduce of 4304" in text_of(app.screen, "#help")


def test_health_of_an_ended_run_counts_to_its_end(tmp_path: Path) -> None:
    feed = recorded_runs.stopped().feed(tmp_path, after_s=48 * 60)
    feed.drain(1.0)
    lines = dict(dict(health_sections(feed))["ranks"])
    assert lines["rank 0"].startswith("7 iterations, last one 0:03 before the end")


async def test_a_stall_does_not_move_the_panels(tmp_path: Path) -> None:
    feed = recorded_runs.under_way(8).feed(tmp_path)
    app = Cockpit(feed)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        before = {widget.id: widget.region for widget in app.screen.query(Rows)}
        feed.at += 90 * recorded_runs.SECOND
        await settled(pilot)
        assert "no iteration for 90 s" in text_of(app.screen, "#health")
        assert {widget.id: widget.region for widget in app.screen.query(Rows)} == before


# --- a log that takes more than one frame to read -----------------------------------------------------------


def long_log(root: Path, *, ended: bool) -> Path:
    """Write a run of 8 ranks x 10 000 iterations."""
    run = recorded_runs.under_way(8, iterations=10_000)
    if ended:
        run.result(1)
        run.bye()
        run.end_stage(status="failed", code=1)
        run.end("failed")
    return run.write(root)


@pytest.mark.parametrize("ended", [False, True])
async def test_titles_and_log_of_a_long_run_are_shown(
    ended: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = long_log(tmp_path, ended=ended)
    monkeypatch.setattr("runner.history.recovery.recover", lambda _: None)  # this test is the supervisor
    feed = open_feed(run_dir)
    app = TrtbenchApp(LivePlace(feed))
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, LiveScreen)
        assert screen.view is not None
        assert screen.view.header.reading is not None, "the first frame cannot read it all"
        while screen.view.header.reading is not None or feed.loaded < 1:
            await settled(pilot)
        await settled(pilot)
        assert str(screen.query_one("#plot").border_title).startswith("latency over time, ms")
        assert str(screen.query_one("#ranks").border_title).startswith("ranks")
        assert str(screen.query_one("#log").border_title) == "log  0-benchmark.log"
        assert lines_of(app)[2].endswith("Start benchmarking.")
        assert isinstance(app.screen, LiveScreen)
