"""The list of all runs of this machine: filter, open, label, compare and delete."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from runner import paths
from runner.cli.places import RunsPlace
from runner.errors import UserError
from runner.history import query, run_feed, trash
from runner.history.reader import RunHistory
from runner.history.run_entry import RunEntry
from runner.history.run_list import cause_of
from runner.history.trend import Trend
from runner.util.formatting import format_number, plural
from tui.framework.filtering import FilteringScreen
from tui.framework.keymap import Key, bindings
from tui.framework.picker import Picker
from tui.framework.rows import Panel
from tui.framework.screen import KeyFooter
from tui.framework.titles import set_subtitle, set_title
from tui.screens.runs.arrangement import ListOptions, arrange_runs, next_sort, valid_terms
from tui.screens.runs.header import count_runs, draw_filter_error, draw_header
from tui.screens.runs.keys import KEYS
from tui.screens.runs.run_detail import draw_run_detail
from tui.screens.runs.run_list import ColumnTitles, RunList, RunListing, RunTitles

LOOK_EVERY_S = 2.0
FIRST_LOOK = 200
"""The number of newest runs that are shown before the rest is read."""
_RUN_ACTIONS = ("open", "mark", "tags", "note", "rename", "delete", "again")
"""actions that need a selected run"""
EMPTY = "no runs yet; start one on the home screen (h)"


class RunsScreen(FilteringScreen):
    """Reads the runs in a worker and draws them when they changed."""

    CSS_PATH = "screen.tcss"
    screen_name = "runs"
    own_keys = KEYS
    filter_pane = "#runs"
    filter_list = "#run-list"
    filter_hint = "words, profile: status: tag: gpu: since: took: tokens: latency: ...   (? help)"
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    @dataclass
    class RunsRead(Message):
        """Runs were read."""

        entries: list[RunEntry]
        complete: bool
        """False: more runs, or their disk usage, are still being read"""

    def __init__(self) -> None:
        super().__init__()
        self._history = RunHistory()
        self._entries: list[RunEntry] | None = None
        self._options = ListOptions()
        self._trends: dict[str, Trend | None] = {}
        """by profile, of the current entries"""
        self._filter_error = ""
        """why the typed text is not a valid filter"""
        self._listing = RunListing()
        self._run = ""
        """id of the selected run"""
        self._marked: tuple[str, ...] = ()
        """ids, in the order of marking"""
        self._deleted: list[trash.TrashedRun] = []
        """the runs deleted last"""
        self._reading = False

    def compose(self) -> ComposeResult:
        yield Panel(draw_header, id="header")
        with Vertical(id="runs", classes="framed"):
            yield Panel(draw_filter_error, id="filter-refusal")
            yield RunTitles()
            yield RunList(id="run-list")
        yield Panel(draw_run_detail, id="run-detail")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._show_frame()
        self.query_one(RunList).focus()
        self._show()
        self._read_in_background()
        self.set_interval(LOOK_EVERY_S, self._read_in_background)

    # --- the list ---------------------------------------------------------------------------------------

    def _read_in_background(self) -> None:
        if not self._reading and self.is_current:
            self._reading = True
            self.run_worker(self._read, thread=True, group="runs")

    def _read(self) -> None:
        if self._entries is None:
            self.post_message(self.RunsRead(self._history.entries(newest=FIRST_LOOK), complete=False))
            self.post_message(self.RunsRead(self._history.entries(), complete=False))
        self.post_message(self.RunsRead(self._history.entries(disk=True), complete=True))

    def on_runs_screen_runs_read(self, message: RunsRead) -> None:
        if message.complete:
            self._reading = False
        if message.entries != self._entries:
            self._entries = message.entries
            self._trends = {}
            here = {entry.run for entry in message.entries}
            self._marked = tuple(run for run in self._marked if run in here or not message.complete)
            self._arrange()
        self._show()

    def _arrange(self) -> None:
        """Filter and sort the runs; invalid terms of the filter are left out."""
        self._filter_error = ""
        text = self.filter
        try:
            query.parse_filter(text, now())
        except UserError as error:
            self._filter_error = str(error)
            text = valid_terms(text, now())
        self._options = replace(self._options, filter=text)
        self._listing = arrange_runs(self._entries or (), self._options, now(), self._trends)

    def _show(self) -> None:
        """Draw the list; the selected run stays selected."""
        entries = self._listing.entries
        chosen = next((index for index, entry in enumerate(entries) if entry.run == self._run), 0)
        if self._entries is None:
            empty = "reading the list of runs ..."
        else:
            empty = f"no run matches “{self._options.filter}” (esc all)" if self._options.filter else EMPTY
        self.query_one(RunList).show_runs(
            self._listing, chosen, marked=frozenset(self._marked), now=now(), empty=empty
        )
        self._show_frame()
        self._show_detail()

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        self._show_detail()

    def on_picker_activated(self, event: Picker.Activated) -> None:
        self.action_open()

    def _show_detail(self) -> None:
        current = self._current
        self._run = current.run if current else ""
        detail: Panel[RunEntry | tuple[()]] = self.query_one("#run-detail", Panel)
        detail.update(current or ())

    @property
    def _current(self) -> RunEntry | None:
        return self.query_one(RunList).current

    def _chosen(self) -> list[RunEntry]:
        """Return the marked runs in order of the list; without marks, the run under the cursor."""
        if self._marked:
            return [entry for entry in self._entries or () if entry.run in self._marked]
        current = self._current
        return [current] if current else []

    # --- marks, order, groups ---------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark or unmark the selected run, and move to the next."""
        current = self._current
        if current is not None:
            self._toggle(current.run)
            self.query_one(RunList).action_move(1)

    def on_run_list_marked(self, message: RunList.Marked) -> None:
        self._toggle(self._listing.entries[message.item].run)

    def _toggle(self, run: str) -> None:
        others = tuple(marked for marked in self._marked if marked != run)
        self._marked = (*self._marked, run) if others == self._marked else others
        self._show()

    def action_sort(self) -> None:
        self._apply(replace(self._options, sort=next_sort(self._options.sort), reverse=False))

    def action_reverse(self) -> None:
        self._apply(replace(self._options, reverse=not self._options.reverse))

    def on_run_titles_title_clicked(self, message: RunTitles.TitleClicked) -> None:
        same = message.sort == self._options.sort
        self._apply(replace(self._options, sort=message.sort, reverse=same and not self._options.reverse))

    def action_group(self) -> None:
        self._apply(replace(self._options, grouped=not self._options.grouped))

    def _apply(self, options: ListOptions) -> None:
        self._options = options
        self._arrange()
        self._show()

    # --- actions on a run -----------------------------------------------------------------------------

    def action_open(self) -> None:
        """Watch an active run; show the result of an ended one."""
        current = self._current
        if current is None:
            return
        if current.foreign:
            self.app.notify_error(UserError(f"{current.run}: {cause_of(current)}"))
        elif current.ended:
            self.app.open_result(current.run_dir)
        else:
            try:
                self.app.open_live(run_feed.open_feed(current.run_dir))
            except UserError as error:
                self.app.notify_error(error)

    def action_again(self) -> None:
        if current := self._current:
            self.app.open_home_with(current.run_dir)

    def action_compare(self) -> None:
        """Compare the marked runs; with one mark, that run with the one under the cursor."""
        from tui.screens.compare.screen import group_sides

        names, current = self._marked, self._current
        if len(names) == 1 and current is not None and current.run not in names:
            names = (*names, current.run)
        by_run = {entry.run: entry for entry in self._entries or ()}
        chosen = tuple(
            (run, (entry.sweep.sweep, entry.sweep.cell) if entry.sweep else None)
            for run in names
            if (entry := by_run.get(run))
        )
        sides = group_sides(chosen)
        if len(sides) < 2:
            why = "these runs are repeats of one configuration; " if len(chosen) > 1 else ""
            self.notify(f"{why}mark two or more runs with space to compare them")
            return
        self.app.open_compare(sides)

    def action_sweep(self) -> None:
        """Open the sweep of the selected run."""
        current = self._current
        directory = paths.sweeps_dir() / current.sweep.sweep if current and current.sweep else None
        if directory is None:
            self.notify("this run is not part of a sweep", timeout=3)
        elif not directory.is_dir():
            self.app.notify_error(UserError(f"{directory}: the sweep of this run was deleted"))
        else:
            self.app.open_sweep(directory)

    async def action_stop(self) -> None:
        current = self._current
        if current is None:
            return
        if current.ended:
            self.notify("this run has already ended")
            return
        from runner.history.stop import stop_run
        from tui.screens.dialogs.confirm import ask_to_stop

        detail = f"Run {current.run} ends; its results so far are kept."
        await ask_to_stop(self.app, stop_run, current.run_dir, current.profile, detail, name=current.profile)

    async def action_tags(self) -> None:
        from tui.screens.runs.run_changes import ask_for_tags

        if chosen := self._chosen():
            await ask_for_tags(self.app, chosen, self._read_in_background)

    async def action_note(self) -> None:
        from tui.screens.runs.run_changes import ask_for_note

        if current := self._current:
            await ask_for_note(self.app, current, self._read_in_background)

    async def action_rename(self) -> None:
        from tui.screens.runs.run_changes import ask_for_name

        if current := self._current:
            await ask_for_name(self.app, current, self._read_in_background)

    async def action_delete(self) -> None:
        from tui.screens.runs.run_changes import ask_to_delete

        def deleted(moved: list[trash.TrashedRun]) -> None:
            self._deleted = moved
            self._read_in_background()
            self.notify(f"{plural(len(moved), 'run')} moved to the trash; u restores")

        if chosen := self._chosen():
            await ask_to_delete(self.app, chosen, deleted)

    def action_undo(self) -> None:
        """Restore the runs deleted last."""
        try:
            for trashed in self._deleted:
                trash.restore(trashed)
        except UserError as error:
            self.app.notify_error(error)
        self._deleted = []
        self._read_in_background()

    def is_key_enabled(self, key: Key) -> bool:
        """Hide keys that have nothing to act on."""
        current = self._current
        return super().is_key_enabled(key) and {
            "sort": bool(self._entries),
            "reverse": bool(self._entries),
            "group": bool(self._entries),
            "filter": bool(self._entries),
            "compare": len(self._entries or ()) > 1,
            "sweep": current is not None and current.sweep is not None,
            "stop": current is not None and not current.ended,
        }.get(key.action, current is not None or key.action not in _RUN_ACTIONS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return bool(self._deleted)
        return super().check_action(action, parameters)

    async def action_trash(self) -> None:
        from tui.screens.runs.trash import TrashScreen

        await self.app.open_dialog(TrashScreen(now()), lambda _: self._read_in_background())

    # --- filter and help ------------------------------------------------------------------------------

    def watch_filter(self) -> None:
        self._arrange()
        self._show()

    def is_filter_valid(self) -> bool:
        return not self._filter_error

    def action_show_all(self) -> None:
        """Clear the filter; without a filter, clear the marks."""
        if not self.filter and self._marked:
            self._marked = ()
            self._show()
        super().action_show_all()

    async def action_help(self) -> None:
        from tui.screens.dialogs.help import HelpScreen

        await self.app.open_dialog(HelpScreen("runs", more=(("filter terms", query.GRAMMAR),)))

    # --- the frame --------------------------------------------------------------------------------------

    def _show_frame(self) -> None:
        header: Panel[str] = self.query_one("#header", Panel)
        header.update(count_runs(self._entries or (), len(self._marked)))
        error: Panel[str] = self.query_one("#filter-refusal", Panel)
        error.display = bool(self._filter_error)
        error.update(self._filter_error)
        options = self._options
        self.query_one(RunTitles).update(
            ColumnTitles(options.sort, options.order.descending, options.reverse)
        )
        pane = self.query_one("#runs")
        set_title(pane, " · ".join(["runs", *([options.title] if options.title else [])]))
        found = f"{format_number(len(self._listing.entries))} of {format_number(len(self._entries or ()))}"
        set_subtitle(pane, f"filter: {options.filter} · {found} · esc all" if options.filter else "")
        self.show_keys()


def now() -> float:
    """Return seconds since 1970; the only clock of this screen."""
    return time.time()


def open_screen(_: RunsPlace) -> RunsScreen:
    return RunsScreen()
