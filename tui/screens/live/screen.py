"""The live screen: stages, progress, plot, ranks, GPUs and log of a run in progress."""

from __future__ import annotations

import time
from typing import cast

from textual import events
from textual.app import ComposeResult
from textual.layout import Layout

from runner.cli.places import LivePlace
from runner.history.run_feed import Feed, why_cut_off
from runner.run.liveness import is_mirror
from runner.util.exit_codes import ExitCode, run_exit_code
from runner.util.formatting import command
from tui.framework.keymap import Key, KeyState, bindings
from tui.framework.rows import Panel
from tui.framework.run_header import draw_run_header
from tui.framework.screen import KeyedScreen, KeyFooter
from tui.framework.scrolled_panel import ScrolledPanel
from tui.framework.terminal_notify import window_title
from tui.framework.titles import set_subtitle, set_title
from tui.plots.latency import AxisMode
from tui.screens.live.configuration_table import ConfigurationTable, draw_configurations
from tui.screens.live.gpu_box import draw_gpu_box
from tui.screens.live.health_line import draw_health, health_rows
from tui.screens.live.host_line import draw_host
from tui.screens.live.in_flight_panel import MAX_ROWS
from tui.screens.live.keys import KEYS, keys_of_full_page
from tui.screens.live.latency_panel import draw_latency
from tui.screens.live.layout import LOW, PANELS, WIDE, LayoutRequest, LiveLayout
from tui.screens.live.log_keys import LogKeys
from tui.screens.live.log_view import LogView
from tui.screens.live.node_keys import NodeKeys
from tui.screens.live.plot_view import AXIS_MODES, PLOT_MODES, PlotMode, next_mode
from tui.screens.live.progress_lines import draw_progress
from tui.screens.live.rank_box import draw_ranks_or_requests
from tui.screens.live.rank_panel import rank_rows
from tui.screens.live.stage_strip import draw_stage_line
from tui.screens.live.view import LiveView, make_live_view
from tui.screens.live.view_cache import LiveViewCache
from tui.screens.result.answers import draw_answers

FRAME_S = 0.2
SLOW_REDRAW_FRAMES, FAST_ITERATION_MS = 3, 300.0
"""What each iteration changes is drawn in every third frame if the median is shorter than 300 ms."""
EARLIER_RUNS_DELAY_S = 1.0
"""delay before earlier runs are read, so that the first frame does not wait for them"""
MOST_NODES = 1 << 20
"""more nodes than there are: to the first or the last one"""
BUDGET_S = 0.04
"""time of a frame for reading events; the rest is for drawing and input"""


def _table_rows(table: ConfigurationTable) -> int:
    """Return the rows of the table; a single configuration without a baseline is on the screen already."""
    return len(table.lines) if len(table.lines) > 1 or table.baseline else 0


class LiveScreen(LogKeys, NodeKeys, KeyedScreen):
    """Follows one feed: a timer drains it, makes a view and updates the widgets."""

    screen_name = "live"
    own_keys = KEYS
    BINDINGS = bindings(KEYS)

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed
        self.view: LiveView | None = None
        self._drawn: LiveView | None = None
        """the last view that all panels show; a log that is still being read updates the header only"""
        self._layout = LiveLayout(lambda: self._layout_request)
        self._layout_request = LayoutRequest()
        self._hidden: frozenset[str] = frozenset()
        self.maximised = ""
        self._mode: PlotMode = PLOT_MODES[0]
        self._axis: AxisMode = AXIS_MODES[0]
        self._cache = LiveViewCache()
        self._drawn_state = (-1, False)
        self._skipped = SLOW_REDRAW_FRAMES
        self._was_running = False
        self._wants_baseline = False
        """the profile has a baseline that is not read yet: first the ranks have to report their devices"""

    @property
    def layout(self) -> Layout:
        return self._layout

    def compose(self) -> ComposeResult:
        yield Panel(draw_run_header, id="header")
        yield Panel(draw_stage_line, id="stages")
        yield Panel(draw_answers, id="answers")
        yield Panel(draw_progress, id="progress")
        yield Panel(draw_health, id="health")
        yield Panel(draw_latency, id="plot", classes="framed")
        yield ScrolledPanel(draw_ranks_or_requests, id="ranks", classes="framed")
        yield Panel(draw_configurations, id="configurations", classes="framed")
        yield ScrolledPanel(draw_gpu_box, id="gpus", classes="framed")
        yield Panel(draw_host, id="host")
        yield LogView(id="log", classes="framed")
        yield KeyFooter()

    def on_mount(self) -> None:
        set_title(self.query_one("#log"), "log")
        self.tick()
        self.set_interval(FRAME_S, self.tick)
        self.set_timer(EARLIER_RUNS_DELAY_S, self._load_earlier_runs)

    # --- one frame --------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Read new events and show them; draw nothing if nothing changed."""
        started = time.monotonic()
        has_events = self.feed.drain(BUDGET_S)
        unfinished = bool(has_events) and time.monotonic() - started > BUDGET_S
        reading = unfinished and self.feed.loaded < 0.99
        drawn_state = (self.feed.now() // 10**9, self.feed.gone)
        if has_events or drawn_state != self._drawn_state or self._drawn is not self.view:
            self._drawn_state = drawn_state
            self._show_view(self._make_view(reading=reading))
        if self._wants_baseline and self.feed.state.configurations and not unfinished:
            self._wants_baseline = False
            self.run_worker(self._read_baseline, thread=True, exit_on_error=False)
        self.log_view.poll()
        if not unfinished:  # a run whose end was not read yet is not one that was watched while it ended
            self._handle_run_end()

    def _make_view(self, *, reading: bool = False) -> LiveView:
        return make_live_view(
            self.feed,
            reading=reading,
            mode=self._mode,
            axis=self._axis,
            full=self.maximised,
            folding=self.folding,
            cache=self._cache,
        )

    def _load_earlier_runs(self) -> None:
        # Not before they are needed: the first frame waits.
        from runner.history.baseline import find_baseline
        from runner.report.earlier_times import earlier_times

        if self.feed.live and self.feed.state.running:
            self._cache.earlier = earlier_times(self.feed.run_dir, self.feed.plan)
        self._wants_baseline = find_baseline(self.feed.plan.profile) is not None

    def _read_baseline(self) -> None:
        """Read the baseline, in a worker: it reads the logs of several runs."""
        from runner.compare.live_baseline import read_baseline_numbers

        self._cache.baseline = read_baseline_numbers(self.feed.run_dir, self.feed.plan.profile)
        if self.is_attached:
            self.app.call_from_thread(self._show_now)

    def _show_view(self, view: LiveView) -> None:
        self.view = view
        self._panel("#header").update(view.header)
        self.show_keys(view.note)
        if view.header.reading is not None:
            return
        before, self._drawn = self._drawn, view
        if before is not None:  # the first frame does not wait for the settings, which enable the title
            self.app.show_title(window_title(view))
        for name, data in (
            ("#progress", view.progress),
            ("#answers", view.answers),
            ("#gpus", view.gpus),
            ("#host", view.host),
            ("#health", view.health),
        ):
            self._panel(name).update(data)
        self._update_layout()
        self._update_measurements(view)
        if (panel := self.node_panel()) is not None:
            self.mark_node(panel)
        if before is None or before.plot_title != view.plot_title:
            set_title(self.query_one("#plot"), view.plot_title)
        if before is None or before.rank_title != view.rank_title:
            self.query_one("#ranks", ScrolledPanel).set_heading(view.rank_title)
        if before is None or before.configurations.title != view.configurations.title:
            set_title(self.query_one("#configurations"), view.configurations.title)
        if before is None or before.gpu_title != view.gpu_title:
            self.query_one("#gpus", ScrolledPanel).set_heading(view.gpu_title)
        if before is None or before.progress.what != view.progress.what:
            what = view.progress.what if view.progress.number else ""
            set_subtitle(self.query_one("#plot"), what)
        if before is None or before.log != view.log:
            self.log_view.open(view.log)
            set_title(self.query_one("#log"), f"log  {view.log.name}" if view.log else "log")
        self.log_view.limit(view.log_bytes)

    def _update_measurements(self, view: LiveView) -> None:
        """Update what each iteration changes, but not in every frame if they are too fast to follow."""
        if view.running and (view.numbers.p50 or FAST_ITERATION_MS) < FAST_ITERATION_MS:
            self._skipped += 1
            if self._skipped < SLOW_REDRAW_FRAMES:
                return
        self._skipped = 0
        self._panel("#stages").update(view.stages)
        self._panel("#plot").update((view.plot, view.numbers))
        self._panel("#configurations").update(view.configurations)
        self._panel("#ranks").update(view.flight or view.nodes or view.rank_page or view.ranks)

    def _update_layout(self) -> None:
        """Arrange the panels again if the amount of content changed."""
        view = self.view
        if view is None:
            return
        request = LayoutRequest(
            ranks=self._rank_rows(view),
            configurations=_table_rows(view.configurations),
            gpus=view.gpus.rows,
            health=len(health_rows(view.health, self.size.width - 2)),
            answers=bool(view.answers.pairs),
            host=len(draw_host(view.host, self.size.width - 2, 2)),
            maximised=self.maximised,
            hidden=self._hidden,
            search=self.searching,
        )
        if request != self._layout_request:
            self._layout_request = request
            self._panel("#header").refresh(layout=True)

    def _rank_rows(self, view: LiveView) -> int:
        """Return the rows of the ranks; next to the plot they have the height of the plot."""
        if view.flight is not None:
            return MAX_ROWS
        sides = 0 if self.size.height < LOW else 4
        if view.nodes is not None:
            return len(view.nodes.nodes)
        count = len(view.ranks)
        return rank_rows(count, self.size.width - sides) if self.size.width < WIDE else count

    def on_resize(self) -> None:
        self._update_layout()

    def update_search(self) -> None:
        self._update_layout()

    def _handle_run_end(self) -> None:
        """Announce the end of a run watched live, and open the result if it finished."""
        state = self.feed.state
        if state.running:
            self._was_running = self.feed.live
        elif self._was_running and self.view is not None:
            self._was_running = False
            self.app.announce(self.view.header.profile, state.status, self.view.header.elapsed_s)
            if state.status == "finished":
                self.app.open_result(self.feed.run_dir)

    def _panel(self, name: str) -> Panel[object]:
        return cast("Panel[object]", self.query_one(name, Panel))

    # --- keys -------------------------------------------------------------------------------------------

    def key_states(self) -> tuple[KeyState, ...]:
        # A replay does not continue after the screen is closed.
        running = self.feed.live and (self.view is None or self.view.running)
        nodes: tuple[KeyState, ...] = ("nodes",) if self.node_panel() is not None else ()
        return ("running" if running else "ended", *nodes)

    def footer_keys(self) -> list[Key]:
        keys = self.active_keys()
        return keys_of_full_page(keys, self.maximised) if self.maximised else keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop":
            return self.view is not None and self.view.can_stop
        if action == "gpus":
            return self.view is not None and self.view.gpus.any
        return super().check_action(action, parameters)

    def _maximise(self, panel: str) -> None:
        """Maximise a panel, or restore the layout if it is maximised; empty: restore."""
        self.maximised = "" if panel == self.maximised else panel
        for name in ("#ranks", "#gpus"):
            self._panel(name).move_to(0)
            self._panel(name).choose(None)
        if self.view is not None:
            self._show_now()

    def on_click(self, event: events.Click) -> None:
        """A double click on a panel maximises or restores it."""
        if event.chain == 2 and event.widget is not None and event.widget.id in PANELS:
            self._maximise(event.widget.id)

    def action_plot(self) -> None:
        self._maximise("plot")

    def action_view(self) -> None:
        """Switch to the next kind of latency plot."""
        self._mode = next_mode(self._mode, self.feed.state)
        self._show_now()

    def action_switch_axis(self) -> None:
        """Switch to the next y axis of the latency over time."""
        self._axis = AXIS_MODES[(AXIS_MODES.index(self._axis) + 1) % len(AXIS_MODES)]
        self._show_now()

    def _show_now(self) -> None:
        """Draw all panels in this frame, because the user changed what they show."""
        self._skipped = SLOW_REDRAW_FRAMES
        self._show_view(self._make_view())

    async def action_details(self) -> None:
        from tui.screens.live.health_page import HealthScreen

        await self.app.open_dialog(HealthScreen(self.feed, self._cache))

    def action_ranks(self) -> None:
        self._maximise("ranks")

    def action_gpus(self) -> None:
        if self.view is not None and self.view.gpus.any:
            self._maximise("gpus")

    def action_log(self) -> None:
        self._maximise("log")

    def action_hide(self, panel: str) -> None:
        """Hide a panel, or show it again."""
        self._hidden ^= {panel}
        self._update_layout()

    def action_back(self) -> None:
        if self.clear_search():
            return
        if self.maximised:
            self._maximise("")
        else:
            super().action_back()

    @property
    def _scrolled_panel(self) -> Panel[object] | None:
        """The maximised GPUs or ranks, if not all fit: then the keys scroll them instead of the log."""
        panel = self._panel(f"#{self.maximised}") if self.maximised in ("gpus", "ranks") else None
        return panel if panel is not None and panel.last_top else None

    def show_folding(self) -> None:
        self._show_now()

    def move_rows(self, by: int) -> None:
        if self.move_nodes(by):
            return
        if (panel := self._scrolled_panel) is not None:
            panel.move_to(panel.top + by)
        else:
            self.log_view.scroll_lines(by)

    def rows_of_page(self) -> int:
        return max(1, (self._scrolled_panel or self.log_view).size.height - 1)

    def action_top(self) -> None:
        if self.move_nodes(-MOST_NODES):
            return
        if (panel := self._scrolled_panel) is not None:
            panel.move_to(0)
        else:
            self.log_view.go_home()

    def action_bottom(self) -> None:
        """Go to the last row that does not fit, and follow the end of the log."""
        self.move_nodes(MOST_NODES)
        if (panel := self._scrolled_panel) is not None:
            panel.move_to(panel.last_top)
        self.log_view.follow()

    def action_quit(self) -> None:
        state = self.feed.state
        if state.running and self.feed.live:
            run = self.feed.run_dir.name.rpartition("_")[2]
            where = " on its machine" if is_mirror(self.feed.run_dir) else f": {command('attach', run)}"
            self.app.leave(message=f"run {run} continues{where}")
        else:
            self.app.leave(run_exit_code(state.status) if self.feed.live else ExitCode.OK)

    def action_result(self) -> None:
        if "ended" in self.key_states():
            self.app.open_result(self.feed.run_dir)

    async def action_stop(self) -> None:
        if self.view is None or not self.view.can_stop:
            return
        from runner.history.stop import stop_run
        from tui.screens.dialogs.confirm import ask_to_stop

        consequence = "Its processes are ended. The measurements so far are kept."
        if why_cut_off(self.feed):
            consequence = "Its machine does not answer; it is asked to stop as soon as it does."
        await ask_to_stop(self.app, stop_run, self.feed.run_dir, "this run", consequence)


def open_screen(place: LivePlace) -> LiveScreen:
    return LiveScreen(place.feed)
