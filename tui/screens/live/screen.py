"""A run while it happens: what it does, how far it is, and how it is doing."""

from __future__ import annotations

import time
from typing import cast

from textual import events
from textual.app import ComposeResult
from textual.layout import Layout
from textual.markup import escape

from runner.cli.places import LivePlace
from runner.errors import ExitCode
from runner.history.run_feed import Feed
from runner.report.eta import stage_times
from runner.state.run import Status
from tui.framework.keymap import Key, When, bindings
from tui.framework.rows import Panel, Row
from tui.framework.run_header import draw_header
from tui.framework.screen import KeyedScreen, KeyFooter
from tui.framework.terminal_notify import title_of
from tui.screens.live.flight_panel import ROWS, Flight, draw_flight
from tui.screens.live.gpu_fold import draw_folded
from tui.screens.live.health_line import draw_health, health_rows
from tui.screens.live.host_line import draw_host
from tui.screens.live.keys import KEYS
from tui.screens.live.latency_panel import draw_latency
from tui.screens.live.layout import LOW, PANELS, WIDE, LiveLayout, Wants
from tui.screens.live.log_keys import LogKeys
from tui.screens.live.log_view import LogView
from tui.screens.live.plot import MODES, Mode
from tui.screens.live.progress_lines import draw_progress
from tui.screens.live.rank_panel import RankLine, draw_ranks, rank_rows
from tui.screens.live.stage_strip import draw_stages
from tui.screens.live.view import LiveView, Memo, live_view
from tui.screens.result.answers import draw_answers
from tui.text import shown

FRAME_S = 0.2
SELDOM, SELDOM_MS = 3, 300.0
"""Plot and ranks are drawn in every third frame when the median iteration is shorter than this."""
LOOK_BACK_S = 1.0
"""After the first frame: how long stages took in earlier runs is worth no delay."""
BUDGET_S = 0.04
"""of every frame, for taking in events: the rest is for drawing and for the user"""
_WHEN_MAXIMISED = ("back", "follow", "switch_plot", "doctor", "help")
"""what else the footer names while one panel has the whole screen"""
_EXIT_CODES: dict[Status, ExitCode] = {
    "failed": ExitCode.RUN_FAILED,
    "stopped": ExitCode.RUN_STOPPED,
    "lost": ExitCode.RUN_LOST,
}


def draw_side(data: tuple[RankLine, ...] | Flight, width: int, height: int) -> list[Row]:
    """The ranks, or the requests of an engine that batches them in flight."""
    return draw_flight(data, width, height) if isinstance(data, Flight) else draw_ranks(data, width, height)


class LiveScreen(LogKeys, KeyedScreen):
    """Follows one feed: a timer drains it, makes one view of it and hands that to the widgets."""

    screen_name = "live"
    own_keys = KEYS
    BINDINGS = bindings(KEYS)

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed
        self.view: LiveView | None = None
        self._layout = LiveLayout(lambda: self._wants)
        self._wants = Wants()
        self._hidden: frozenset[str] = frozenset()
        self._maximised = ""
        self._mode: Mode = MODES[0]
        self._memo = Memo()
        self._drawn_at = (-1, False)
        self._skipped = SELDOM
        self._saw_it_run = False

    @property
    def layout(self) -> Layout:
        return self._layout

    def compose(self) -> ComposeResult:
        yield Panel(draw_header, id="header")
        yield Panel(draw_stages, id="stages")
        yield Panel(draw_answers, id="answers")
        yield Panel(draw_progress, id="progress")
        yield Panel(draw_health, id="health")
        yield Panel(draw_latency, id="plot", classes="framed")
        yield Panel(draw_side, id="ranks", classes="framed")
        yield Panel(draw_folded, id="gpus", classes="framed")
        yield Panel(draw_host, id="host")
        yield LogView(id="log", classes="framed")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one("#log").border_title = "log"
        self.tick()
        self.set_interval(FRAME_S, self.tick)
        if self.feed.live and self.feed.state.running:
            self.set_timer(LOOK_BACK_S, self._look_back)

    # --- one frame --------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Take in what arrived and show it; nothing is drawn when nothing changed."""
        started = time.monotonic()
        taken = self.feed.drain(BUDGET_S)
        reading = bool(taken) and time.monotonic() - started > BUDGET_S and self.feed.loaded < 0.99
        moment = (self.feed.now() // 10**9, self.feed.gone)
        if taken or moment != self._drawn_at:
            self._drawn_at = moment
            self._show(live_view(self.feed, reading=reading, mode=self._mode, memo=self._memo))
        self.log_view.poll()
        if not reading:
            self._notice_the_end()

    def _look_back(self) -> None:
        self._memo.usual = stage_times(self.feed.run_dir, self.feed.plan)

    def _show(self, view: LiveView) -> None:
        before, self.view = self.view, view
        self._panel("#header").update(view.header)
        self.show_keys(view.note)
        if view.header.reading is not None:
            return
        if before is not None:  # the first frame does not wait for the settings, which say whether to
            self.app.show_title(title_of(view))
        for name, data in (
            ("#stages", view.stages),
            ("#progress", view.progress),
            ("#answers", view.answers),
            ("#gpus", view.gpus),
            ("#host", view.host),
            ("#health", view.health),
        ):
            self._panel(name).update(data)
        self._arrange()
        self._show_seldom(view)
        if before is None or before.plot_title != view.plot_title:
            self.query_one("#plot").border_title = escape(shown(view.plot_title))
        if before is None or before.rank_title != view.rank_title:
            self.query_one("#ranks").border_title = escape(shown(view.rank_title))
        if before is None or before.gpu_title != view.gpu_title:
            self.query_one("#gpus").border_title = escape(shown(view.gpu_title))
        if before is None or before.progress.what != view.progress.what:
            what = view.progress.what if view.progress.number else ""
            self.query_one("#plot").border_subtitle = escape(shown(what))
        if before is None or before.log != view.log:
            self.log_view.open(view.log)
            self.query_one("#log").border_title = escape(
                shown(f"log  {view.log.name}" if view.log else "log")
            )

    def _show_seldom(self, view: LiveView) -> None:
        """What changes faster than anybody can follow is not drawn in every frame.

        Those are the numbers of the ranks and the plot, where iterations come one upon the other; how many
        there are is said in every frame.
        """
        if view.running and (view.numbers.p50 or SELDOM_MS) < SELDOM_MS:
            self._skipped += 1
            if self._skipped < SELDOM:
                return
        self._skipped = 0
        self._panel("#plot").update((view.plot, view.numbers))
        self._panel("#ranks").update(view.ranks if view.flight is None else view.flight)

    def _arrange(self) -> None:
        """Give the panels their places anew when there is more or less to show than before."""
        view = self.view
        if view is None:
            return
        wants = Wants(
            ranks=self._rank_rows(len(view.ranks)) if view.flight is None else ROWS,
            gpus=len(view.gpus),
            health=len(health_rows(view.health, self.size.width - 2)),
            answers=bool(view.answers.said),
            host=len(draw_host(view.host, self.size.width - 2, 2)),
            maximised=self._maximised,
            hidden=self._hidden,
            search=self.searching,
        )
        if wants != self._wants:
            self._wants = wants
            self._panel("#header").refresh(layout=True)

    def _rank_rows(self, count: int) -> int:
        """Lines for the ranks where they have the whole width; beside the plot they take what that has."""
        sides = 0 if self.size.height < LOW else 4
        return rank_rows(count, self.size.width - sides) if self.size.width < WIDE else count

    def on_resize(self) -> None:
        self._arrange()

    def show_search(self) -> None:
        self._arrange()

    def _notice_the_end(self) -> None:
        """Say so when the run ends under our eyes; then a finished one shows its table."""
        state = self.feed.state
        if state.running:
            self._saw_it_run = self.feed.live
        elif self._saw_it_run and self.view is not None:
            self._saw_it_run = False
            self.app.announce(self.view.header.profile, state.status, self.view.header.elapsed_s)
            if state.status == "finished":
                self.app.open_result(self.feed.run_dir)

    def _panel(self, name: str) -> Panel[object]:
        return cast("Panel[object]", self.query_one(name, Panel))

    # --- keys -------------------------------------------------------------------------------------------

    def states(self) -> tuple[When, ...]:
        # A replay goes on nowhere once it is left.
        under_way = self.feed.live and (self.view is None or self.view.running)
        return ("running" if under_way else "ended",)

    def footer_keys(self) -> list[Key]:
        keys = self.keys_now()
        if self._maximised:
            return [key for key in keys if key.action in (*PANELS, *_WHEN_MAXIMISED)]
        return keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop":
            return self.view is not None and self.view.can_stop
        if action == "gpus":
            return self.view is not None and bool(self.view.gpus)
        return super().check_action(action, parameters)

    def _maximise(self, panel: str) -> None:
        """Show one panel on the whole screen, or all of them again; empty: all of them."""
        self._maximised = "" if panel == self._maximised else panel
        self._arrange()
        if self.view is not None:
            self.show_keys(self.view.note)

    def on_click(self, event: events.Click) -> None:
        """A double click on a panel does what its key does."""
        if event.chain == 2 and event.widget is not None and event.widget.id in PANELS:
            self._maximise(event.widget.id)

    def action_plot(self) -> None:
        self._maximise("plot")

    def action_switch_plot(self) -> None:
        """The next of the ways to draw the latencies."""
        self._mode = MODES[(MODES.index(self._mode) + 1) % len(MODES)]
        self._skipped = SELDOM
        self._show(live_view(self.feed, mode=self._mode, memo=self._memo))

    async def action_doctor(self) -> None:
        from tui.screens.live.health_page import DoctorScreen

        await self.app.open_dialog(DoctorScreen(self.feed))

    def action_ranks(self) -> None:
        self._maximise("ranks")

    def action_gpus(self) -> None:
        if self.view is not None and self.view.gpus:
            self._maximise("gpus")

    def action_log(self) -> None:
        self._maximise("log")

    def action_hide(self, panel: str) -> None:
        """Leave a panel out until the same key is pressed again."""
        self._hidden ^= {panel}
        self._arrange()

    def action_back(self) -> None:
        if self.clear_search():
            return
        if self._maximised:
            self._maximise("")
        else:
            super().action_back()

    def action_scroll_rows(self, by: int) -> None:
        ranks = self._panel("#ranks")
        if ranks.region and ranks.last_top:
            ranks.move_to(ranks.top + by)
        else:
            self.log_view.scroll_lines(by)

    def action_log_top(self) -> None:
        self.log_view.go_home()

    def action_follow(self) -> None:
        self.log_view.follow()

    def action_quit(self) -> None:
        state = self.feed.state
        if state.running and self.feed.live:
            run = self.feed.run_dir.name.rpartition("_")[2]
            self.app.leave(message=f"run {run} goes on: trtbench-tui attach {run}")
        else:
            self.app.leave(_EXIT_CODES.get(state.status, ExitCode.OK) if self.feed.live else ExitCode.OK)

    def action_result(self) -> None:
        if "ended" in self.states():
            self.app.open_result(self.feed.run_dir)

    async def action_stop(self) -> None:
        if self.view is None or not self.view.can_stop:
            return
        from tui.screens.dialogs.confirm import ask_to_stop

        said = "Its processes are ended. What was measured until now is kept."
        await ask_to_stop(self.app, self.feed.run_dir, "this run", said)


def open_screen(place: LivePlace) -> LiveScreen:
    return LiveScreen(place.feed)
