"""The list of all runs of this machine as a screen without actions: read, filter, arrange and draw."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message

from runner.history import query
from runner.history.reader import RunHistory
from runner.history.run_entry import RunEntry
from runner.history.sweep_fold import SweepFold
from runner.history.trend import Trend
from runner.util.errors import UserError
from runner.util.formatting import format_number, plural
from tui.framework.filtering import FilteringScreen
from tui.framework.keymap import bindings
from tui.framework.picker import Picker
from tui.framework.rows import Panel
from tui.framework.screen import KeyFooter
from tui.framework.titles import set_subtitle, set_title
from tui.screens.runs.arrangement import ListOptions, arrange_runs, valid_terms
from tui.screens.runs.header import count_runs, draw_filter_error, draw_header
from tui.screens.runs.keys import KEYS
from tui.screens.runs.run_insights import RunInsights
from tui.screens.runs.run_list import ColumnTitles, RunList, RunListing, RunTitles
from tui.screens.runs.run_preview import PreviewData, draw_detail, draw_preview

LOOK_EVERY_S = 2.0
FIRST_LOOK = 200
"""The number of newest runs that are shown before the rest is read."""
EMPTY = "no runs yet; start one on the home screen (h)"


class RunBrowser(FilteringScreen):
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

    @dataclass
    class InsightsRead(Message):
        """What changed in some runs was read."""

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
        self._order: tuple[str, ...] = ()
        """ids of the entries that were listed last, from top to bottom"""
        self._insights = RunInsights()
        self._reading = False

    def compose(self) -> ComposeResult:
        yield Panel(draw_header, id="header")
        with Horizontal(id="runs-body"):
            with Vertical(id="runs", classes="framed"):
                yield Panel(draw_filter_error, id="filter-refusal")
                yield RunTitles()
                yield RunList(id="run-list")
            with Vertical(id="preview-frame", classes="framed") as preview:
                set_title(preview, "selected")
                yield Panel(draw_preview, id="preview")
        yield Panel(draw_detail, id="run-detail")
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

    def on_run_browser_runs_read(self, message: RunsRead) -> None:
        if message.complete:
            self._reading = False
        if message.entries != self._entries:
            self._entries = message.entries
            self._trends = {}
            self._insights.set_runs(message.entries)
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
        """Draw the list; the selected run stays selected, or the one next to its place if it is gone."""
        chosen = self._listing.nearest(self._run, self._order)
        self._order = tuple(entry.run for entry in self._listing.entries)
        if self._entries is None:
            empty = "reading the list of runs ..."
        else:
            empty = f"no run matches “{self._options.filter}” (esc all)" if self._options.filter else EMPTY
        self.query_one(RunList).show_runs(
            self._listing,
            chosen,
            marked=frozenset(self._marked),
            changes=self._insights.texts,
            now=now(),
            empty=empty,
        )
        self._show_frame()
        self._show_detail()
        self._read_insights()

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        self.show_keys()  # a sweep has other keys than a run
        self._show_detail()
        self._read_insights()

    def _read_insights(self) -> None:
        """Read in the background what changed in the runs in view, and the warnings of the selected one."""
        wanted = self._insights.missing(self.query_one(RunList).visible_entries, self._current)
        if wanted and not self._insights.reading:
            self._insights.reading = True

            def read() -> None:
                self._insights.read(wanted)
                self.post_message(self.InsightsRead())

            self.run_worker(read, thread=True, group="insights")

    def on_run_browser_insights_read(self, message: InsightsRead) -> None:
        self._insights.reading = False
        self._show()

    def _show_detail(self) -> None:
        current = self._current
        self._run = current.run if current else ""
        for name in ("#run-detail", "#preview"):
            panel: Panel[PreviewData | tuple[()]] = self.query_one(name, Panel)
            panel.update(self._insights.preview(current) if current else ())

    @property
    def _current(self) -> RunEntry | None:
        return self.query_one(RunList).current

    def _chosen(self) -> list[RunEntry]:
        """Return the marked runs in order of the list; without marks, those of the row under the cursor."""
        if self._marked:
            return [entry for entry in self._entries or () if entry.run in self._marked]
        return list(runs_of(self._current))

    # --- filter ------------------------------------------------------------------------------

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
        found = f"{format_number(self._listing.matching)} of {plural(len(self._entries or ()), 'run')}"
        set_subtitle(pane, f"filter: {options.filter} · {found} · esc all" if options.filter else "")
        self.show_keys()


def runs_of(entry: RunEntry | None) -> tuple[RunEntry, ...]:
    """Return the runs of a row: those of a sweep, or the run itself."""
    if isinstance(entry, SweepFold):
        return entry.runs
    return (entry,) if entry is not None else ()


def sweep_of(entry: RunEntry) -> str:
    return entry.sweep.sweep if entry.sweep is not None else ""


def now() -> float:
    """Return seconds since 1970; the only clock of this screen."""
    return time.time()
