"""All runs of this machine: find some, watch one, open its result, say something about it, delete it."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
from runner.history.reader import History
from runner.history.run_entry import Entry
from runner.history.run_list import cause_of, size
from runner.history.trend import Trend
from runner.util.formatting import number, plural
from tui.framework.filtering import FilteringScreen
from tui.framework.keymap import Key, bindings
from tui.framework.picker import Picker
from tui.framework.rows import Panel, Row, Span, dim, row, spread
from tui.framework.screen import KeyFooter
from tui.screens.runs.arrangement import Wish, arranged, next_sort, understood
from tui.screens.runs.keys import KEYS
from tui.screens.runs.run_detail import draw_run_detail
from tui.screens.runs.run_list import Arranged, RunList, RunTitles, Titles
from tui.text import plain, shown, wrap

LOOK_EVERY_S = 2.0
FIRST_LOOK = 200
"""So many of the newest runs are shown before the rest is read."""
_OF_A_RUN = ("open", "mark", "tags", "note", "rename", "delete", "again")
"""what can be done only where there is a run"""
EMPTY = "no runs yet – Enter on a profile starts one (h)"


class RunsScreen(FilteringScreen):
    """Reads the list in a worker and draws it when it changed."""

    CSS_PATH = "screen.tcss"
    screen_name = "runs"
    own_keys = KEYS
    filter_pane = "#runs"
    filter_list = "#run-list"
    filter_hint = "words, profile: status: tag: gpu: since: took: tokens: latency: ...   (? explains)"
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    @dataclass
    class Listed(Message):
        """Runs were read; not `complete`: there is more to find out about them."""

        entries: list[Entry]
        complete: bool

    def __init__(self) -> None:
        super().__init__()
        self._history = History()
        self._entries: list[Entry] | None = None
        self._wish = Wish()
        self._trends: dict[str, Trend | None] = {}
        """of profiles, made of the present entries"""
        self._refused = ""
        """why what is typed is no filter"""
        self._shown = Arranged()
        self._run = ""
        """id of the chosen run"""
        self._marked: tuple[str, ...] = ()
        """ids, in the order of marking"""
        self._deleted: list[trash.Trashed] = []
        """what was deleted last"""
        self._busy = False

    def compose(self) -> ComposeResult:
        yield Panel(_draw_header, id="header")
        with Vertical(id="runs", classes="framed"):
            yield Panel(_draw_refusal, id="filter-refusal")
            yield RunTitles()
            yield RunList(id="run-list")
        yield Panel(draw_run_detail, id="run-detail")
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
            self.post_message(self.Listed(self._history.entries(), complete=False))
        self.post_message(self.Listed(self._history.entries(disk=True), complete=True))

    def on_runs_screen_listed(self, message: Listed) -> None:
        if message.complete:
            self._busy = False
        if message.entries != self._entries:
            self._entries = message.entries
            self._trends = {}
            here = {entry.run for entry in message.entries}
            self._marked = tuple(run for run in self._marked if run in here or not message.complete)
            self._arrange()
        self._show()

    def _arrange(self) -> None:
        """Choose and order what is shown; a term that cannot be understood (yet) is left out."""
        self._refused = ""
        text = self.filter
        try:
            query.parse(text, now())
        except UserError as error:
            self._refused = str(error)
            text = understood(text, now())
        self._wish = replace(self._wish, filter=text)
        self._shown = arranged(self._entries or (), self._wish, now(), self._trends)

    def _show(self) -> None:
        """Draw what is known, with the same run chosen as before."""
        entries = self._shown.entries
        chosen = next((index for index, entry in enumerate(entries) if entry.run == self._run), 0)
        if self._entries is None:
            empty = "reading the list of runs ..."
        else:
            empty = f"no run fits “{self._wish.filter}” (esc shows all)" if self._wish.filter else EMPTY
        self.query_one(RunList).show_runs(
            self._shown, chosen, marked=frozenset(self._marked), now=now(), empty=empty
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
        detail: Panel[Entry | tuple[()]] = self.query_one("#run-detail", Panel)
        detail.update(current or ())

    @property
    def _current(self) -> Entry | None:
        return self.query_one(RunList).current

    def _chosen(self) -> list[Entry]:
        """The marked runs, in the order of the list of all; without a mark the one under the cursor."""
        if self._marked:
            return [entry for entry in self._entries or () if entry.run in self._marked]
        current = self._current
        return [current] if current else []

    # --- marks, order, groups ---------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the chosen run, or take its mark off, and go on to the next."""
        current = self._current
        if current is not None:
            self._toggle(current.run)
            self.query_one(RunList).action_move(1)

    def on_run_list_marked(self, message: RunList.Marked) -> None:
        self._toggle(self._shown.entries[message.item].run)

    def _toggle(self, run: str) -> None:
        others = tuple(marked for marked in self._marked if marked != run)
        self._marked = (*self._marked, run) if others == self._marked else others
        self._show()

    def action_sort(self) -> None:
        self._see(replace(self._wish, sort=next_sort(self._wish.sort), reverse=False))

    def action_reverse(self) -> None:
        self._see(replace(self._wish, reverse=not self._wish.reverse))

    def on_run_titles_clicked(self, message: RunTitles.Clicked) -> None:
        same = message.sort == self._wish.sort
        self._see(replace(self._wish, sort=message.sort, reverse=same and not self._wish.reverse))

    def action_group(self) -> None:
        self._see(replace(self._wish, grouped=not self._wish.grouped))

    def _see(self, wish: Wish) -> None:
        self._wish = wish
        self._arrange()
        self._show()

    # --- what can be done with a run --------------------------------------------------------------------

    def action_open(self) -> None:
        """Watch a run under way; show the result of one that ended."""
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
        if current := self.query_one(RunList).current:
            self.app.open_home_with(current.run_dir)

    def action_compare(self) -> None:
        """Compare the marked runs; with one mark, that run with the one under the cursor."""
        from tui.screens.compare.screen import sides_of

        names, current = self._marked, self._current
        if len(names) == 1 and current is not None and current.run not in names:
            names = (*names, current.run)
        by_run = {entry.run: entry for entry in self._entries or ()}
        chosen = tuple(
            (run, (entry.sweep.sweep, entry.sweep.cell) if entry.sweep else None)
            for run in names
            if (entry := by_run.get(run))
        )
        sides = sides_of(chosen)
        if len(sides) < 2:
            why = "these are repeats of one thing; " if len(chosen) > 1 else ""
            self.notify(f"{why}mark two or more runs with space to compare them", markup=False)
            return
        self.app.open_compare(sides)

    def action_sweep(self) -> None:
        """The board of the sweep that the chosen run belongs to."""
        current = self._current
        directory = paths.sweeps_dir() / current.sweep.sweep if current and current.sweep else None
        if directory is None:
            self.notify("this run belongs to no sweep", timeout=3, markup=False)
        elif not directory.is_dir():
            self.app.notify_error(UserError(f"{directory}: the sweep of this run is not there any more"))
        else:
            self.app.open_sweep(directory)

    async def action_stop(self) -> None:
        current = self._current
        if current is None:
            return
        if current.ended:
            self.notify("this run has ended; there is nothing to stop", markup=False)
            return
        from tui.screens.dialogs.confirm import ask_to_stop

        said = f"Run {current.run} ends with what it has measured so far."
        await ask_to_stop(self.app, current.run_dir, current.profile, said, name=current.profile)

    async def action_tags(self) -> None:
        from tui.screens.runs.run_changes import ask_for_tags

        if chosen := self._chosen():
            await ask_for_tags(self.app, chosen, self._look)

    async def action_note(self) -> None:
        from tui.screens.runs.run_changes import ask_for_note

        if current := self._current:
            await ask_for_note(self.app, current, self._look)

    async def action_rename(self) -> None:
        from tui.screens.runs.run_changes import ask_for_name

        if current := self._current:
            await ask_for_name(self.app, current, self._look)

    async def action_delete(self) -> None:
        from tui.screens.runs.run_changes import ask_to_delete

        def deleted(moved: list[trash.Trashed]) -> None:
            self._deleted = moved
            self._look()
            self.notify(f"{plural(len(moved), 'run')} in the trash; u takes it back", markup=False)

        if chosen := self._chosen():
            await ask_to_delete(self.app, chosen, deleted)

    def action_undo(self) -> None:
        """Bring back what was deleted last."""
        try:
            for trashed in self._deleted:
                trash.restore(trashed)
        except UserError as error:
            self.app.notify_error(error)
        self._deleted = []
        self._look()

    def can(self, key: Key) -> bool:
        """Keys for which there is nothing to do now are not shown."""
        current = self._current
        return super().can(key) and {
            "sort": bool(self._entries),
            "reverse": bool(self._entries),
            "group": bool(self._entries),
            "filter": bool(self._entries),
            "compare": len(self._entries or ()) > 1,
            "sweep": current is not None and current.sweep is not None,
            "stop": current is not None and not current.ended,
        }.get(key.action, current is not None or key.action not in _OF_A_RUN)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return bool(self._deleted)
        return super().check_action(action, parameters)

    async def action_trash(self) -> None:
        from tui.screens.runs.trash import TrashScreen

        await self.app.open_dialog(TrashScreen(now()), lambda _: self._look())

    # --- filtering and going elsewhere ------------------------------------------------------------------

    def watch_filter(self) -> None:
        self._arrange()
        self._show()

    def filter_stands(self) -> bool:
        return not self._refused

    def action_show_all(self) -> None:
        """Without a filter, and then without marks."""
        if not self.filter and self._marked:
            self._marked = ()
            self._show()
        super().action_show_all()

    async def action_help(self) -> None:
        from tui.screens.dialogs.help import HelpScreen

        await self.app.open_dialog(HelpScreen("runs", more=(("terms of a filter", query.GRAMMAR),)))

    # --- the frame --------------------------------------------------------------------------------------

    def _show_frame(self) -> None:
        header: Panel[str] = self.query_one("#header", Panel)
        header.update(_count(self._entries or (), len(self._marked)))
        refusal: Panel[str] = self.query_one("#filter-refusal", Panel)
        refusal.display = bool(self._refused)
        refusal.update(self._refused)
        wish = self._wish
        self.query_one(RunTitles).update(Titles(wish.sort, wish.order.descending, wish.reverse))
        pane = self.query_one("#runs")
        pane.border_title = shown(" · ".join(["runs", *([wish.title] if wish.title else [])]))
        found = f"{number(len(self._shown.entries))} of {number(len(self._entries or ()))}"
        filtered = f"filter: {plain(wish.filter)} · {found} · esc shows all"
        pane.border_subtitle = shown(filtered.replace("[", "\\[")) if wish.filter else ""
        self.show_keys()


def now() -> float:
    """Seconds since 1970; the one clock of this screen."""
    return time.time()


def _count(entries: Sequence[Entry], marked: int) -> str:
    if not entries:
        return ""
    running = sum(not entry.ended for entry in entries)
    disk = sum(entry.disk or 0 for entry in entries)
    parts = [
        f"{number(marked)} marked" if marked else "",
        plural(len(entries), "run"),
        f"{number(running)} under way" if running else "",
        size(disk) if disk else "",
    ]
    return " · ".join(part for part in parts if part)


def _draw_header(count: str, width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  runs"))
    return [spread(left, row(dim(count)), width)]


def _draw_refusal(refusal: str, width: int, height: int) -> list[Row]:
    return [row(Span(line, "bad")) for line in wrap(plain(refusal), max(10, width))] if refusal else []


def open_screen(_: RunsPlace) -> RunsScreen:
    return RunsScreen()
