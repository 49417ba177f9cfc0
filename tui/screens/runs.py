"""All runs of this machine, the newest first: watch one, open its result, stop it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from runner import feed, rundir
from runner.errors import UserError
from runner.history import Entry, History
from tui.keys import bindings
from tui.screens.filtering import FilteringScreen
from tui.screens.keyed import KeyFooter
from tui.text import number, plain, plural, wrap
from tui.widgets.picker import Picker
from tui.widgets.rows import Panel, Row, Span, dim, row, spread
from tui.widgets.run_list import RunList, cause_of, draw_titles, matching, unreadable

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

LOOK_EVERY_S = 2.0
FIRST_LOOK = 200
"""So many of the newest runs are shown before the rest is read."""
EMPTY = "no runs yet – Enter on a profile starts one (h: profiles)"


class RunsScreen(FilteringScreen):
    """Reads the list in a worker and draws it when it changed."""

    app: TrtbenchApp
    CSS_PATH = "runs.tcss"
    screen_name = "runs"
    filter_pane = "#runs"
    filter_list = "#run-list"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("runs"),
        Binding("escape", "show_all", "show all runs again", show=False),
    ]

    @dataclass
    class Listed(Message):
        """Runs were read; not `complete`: only the newest ones so far."""

        entries: list[Entry]
        complete: bool

    def __init__(self) -> None:
        super().__init__()
        self._history = History()
        self._entries: list[Entry] | None = None
        self._run = ""
        """id of the chosen run"""
        self._busy = False

    def compose(self) -> ComposeResult:
        yield Panel(_draw_header, id="header")
        with Vertical(id="runs", classes="framed") as pane:
            pane.border_title = "runs"
            yield Panel(draw_titles, id="run-titles")
            yield RunList(id="run-list")
        yield Panel(_draw_detail, id="run-detail")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._show_frame()
        self.query_one(RunList).focus()
        self._show()
        self._look()
        self.set_interval(LOOK_EVERY_S, self._look)

    # --- the list ---------------------------------------------------------------------------------------

    def _look(self) -> None:
        if not self._busy and self.is_current:
            self._busy = True
            self.run_worker(self._read, thread=True, group="runs")

    def _read(self) -> None:
        if self._entries is None:
            self.post_message(self.Listed(self._history.entries(newest=FIRST_LOOK), complete=False))
        self.post_message(self.Listed(self._history.entries(), complete=True))

    def on_runs_screen_listed(self, message: Listed) -> None:
        if message.complete:
            self._busy = False
        self._entries = message.entries
        self._show()

    def _show(self) -> None:
        """Draw what is known, with the same run chosen as before."""
        entries = self._entries or []
        shown = matching(entries, self.filter)
        chosen = next((index for index, entry in enumerate(shown) if entry.run == self._run), 0)
        if self._entries is None:
            empty = "reading the list of runs ..."
        else:
            empty = f"no run contains “{self.filter}”" if self.filter else EMPTY
        runs = self.query_one(RunList)
        runs.show_entries(shown, chosen, now=now(), empty=empty)
        pane = self.query_one("#runs")
        found = f"{number(len(shown))} of {number(len(entries))}"
        pane.border_subtitle = f"filter: {self.filter} · {found} · esc shows all" if self.filter else ""
        self._show_frame()
        self._show_detail()

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        self._show_detail()

    def on_picker_activated(self, event: Picker.Activated) -> None:
        self.action_open()

    def _show_detail(self) -> None:
        current = self.query_one(RunList).current
        self._run = current.run if current else ""
        detail: Panel[Entry | tuple[()]] = self.query_one("#run-detail", Panel)
        detail.update(current or ())

    # --- what can be done with a run --------------------------------------------------------------------

    def action_open(self) -> None:
        """Watch a run under way; show the result of one that ended."""
        current = self.query_one(RunList).current
        if current is None:
            return
        if unreadable(current):
            self.app.notify_error(UserError(f"{current.run}: {cause_of(current)}"))
        elif current.ended:
            self.app.open_result(current.run_dir)
        else:
            try:
                self.app.open_live(feed.open_feed(current.run_dir))
            except UserError as error:
                self.app.notify_error(error)

    def action_again(self) -> None:
        if current := self.query_one(RunList).current:
            self.app.open_home_with(current.run_dir)

    def action_stop(self) -> None:
        current = self.query_one(RunList).current
        if current is None:
            return
        if current.ended:
            self.notify("this run has ended; there is nothing to stop", markup=False)
            return
        from tui.screens.confirm import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            try:
                rundir.request_stop(current.run_dir, "the dashboard")
            except UserError as error:
                self.app.notify_error(error)
            else:
                self.notify(f"asked {current.profile} to stop", markup=False)

        question = ConfirmScreen(
            f"Stop {current.profile}?",
            f"Run {current.run} ends with what it has measured so far.",
            yes="stop it",
            no="let it run",
        )
        self.app.push_screen(question, answered)

    # --- filtering and going elsewhere ------------------------------------------------------------------

    def apply_filter(self) -> None:
        self._show()

    def action_home(self) -> None:
        self.app.open_home()

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen("runs"))

    def action_quit(self) -> None:
        self.app.leave()

    # --- the frame --------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        titles: Panel[int] = self.query_one("#run-titles", Panel)
        titles.update(max(1, self.size.width - 4))

    def _show_frame(self) -> None:
        header: Panel[str] = self.query_one("#header", Panel)
        header.update(_count(self._entries or ()))
        self.show_keys()


def now() -> float:
    """Seconds since 1970; the one clock of this screen."""
    return time.time()


def _count(entries: Sequence[Entry]) -> str:
    if not entries:
        return ""
    running = sum(not entry.ended for entry in entries)
    under_way = f" · {number(running)} under way" if running else ""
    return plural(len(entries), "run") + under_way


def _draw_header(count: str, width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  runs"))
    return [spread(left, row(dim(count)), width)]


def _draw_detail(chosen: Entry | tuple[()], width: int, height: int) -> list[Row]:
    """The whole id of the chosen run and the whole cause, which the list may have cut."""
    if not isinstance(chosen, Entry):
        return []
    cause = [row(Span(line, "bad")) for line in wrap(plain(cause_of(chosen)), width) if line]
    return [row(dim(plain(chosen.run))), *cause][:height]
