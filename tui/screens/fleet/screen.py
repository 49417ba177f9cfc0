"""Other machines: what they do, and their runs to attach to, stop and compare."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from runner.cli.places import FleetPlace
from runner.fleet.fleet import FoundRun, FoundSweep, HostView
from runner.history import run_feed
from runner.run.liveness import host_name
from runner.util import paths
from runner.util.errors import UserError
from tui.framework.keymap import Key, bindings
from tui.framework.picker import LinePicker, PickerLine
from tui.framework.rows import Panel, Row, row
from tui.framework.screen import KeyedScreen, KeyFooter
from tui.framework.titles import set_title
from tui.screens.dialogs.confirm import STOPPED_BY, ConfirmScreen
from tui.screens.fleet.fleet_lines import (
    EMPTY,
    FleetData,
    FleetItem,
    count_hosts,
    draw_detail,
    draw_fleet,
    draw_header,
    fleet_data,
    runs_of,
)
from tui.screens.fleet.keys import KEYS
from tui.text import plain_text, wrap

if TYPE_CHECKING:
    from runner.fleet.fleet import Fleet
    from runner.fleet.remote_host import StopState

POLL_S = 0.5
_RUN_ACTIONS = ("open", "stop", "mark", "compare")


class FleetScreen(KeyedScreen):
    """Shows what the links know; they work in threads of their own."""

    CSS_PATH = "screen.tcss"
    screen_name = "fleet"
    own_keys = KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    @dataclass
    class Copied(Message):
        """Runs were copied and can be shown."""

        runs: tuple[FoundRun, ...]
        directories: tuple[Path, ...]

    @dataclass
    class Failed(Message):
        """A run could not be copied."""

        error: UserError

    def __init__(self, hosts: str) -> None:
        super().__init__()
        self._hosts = hosts
        self._fleet: Fleet | None = None
        self._problem = ""
        self._data: FleetData | None = None
        self._at: tuple[str, str] = ("", "")
        """host and run under the cursor; no run: the line of the host"""
        self._marked: frozenset[tuple[str, str]] = frozenset()
        self._unfolded: frozenset[tuple[str, str]] = frozenset()
        """host and sweep"""
        self._every = False
        self._copying = ""
        """the runs that are being copied, for the footer"""
        self._stops: list[tuple[FoundRun, StopState]] = []

    def compose(self) -> ComposeResult:
        yield Panel(draw_header, id="header")
        with Vertical(id="hosts", classes="framed") as frame:
            set_title(frame, "machines and their runs")
            yield LinePicker(id="host-list")
        yield Panel(_draw_detail, id="host-detail")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one(LinePicker).focus()
        self._open_fleet()
        self._show()
        self.set_interval(POLL_S, self._show)

    def _open_fleet(self) -> None:
        try:
            self._fleet = self.app.fleet_of(self._hosts)
            self._problem = ""
        except UserError as error:
            self._fleet, self._problem = None, str(error)

    # --- drawing ----------------------------------------------------------------------------------------

    def _show(self, at: tuple[str, str] | None = None) -> None:
        """Draw what the links know now, with the cursor where it is or at another item."""
        self._read_cursor()
        self._at = at or self._at
        views = self._fleet.views() if self._fleet is not None else []
        data = fleet_data(
            views, time.monotonic(), marked=self._marked, unfolded=self._unfolded, every=self._every
        )
        self._data = data
        count: Panel[str] = self.query_one("#header", Panel)
        count.update(count_hosts(data) if views else "")
        picker = self.query_one(LinePicker)
        if views:
            picker.show_lines(lambda width: draw_fleet(data, width), self._index())
        else:
            picker.show_lines(self._draw_empty, 0)
        self._show_detail()
        self._report_stops()
        self.show_keys(self._copying)

    def _draw_empty(self, width: int) -> list[PickerLine]:
        text = self._problem or EMPTY.format(settings=paths.settings_file())
        # What is to be copied keeps its indentation.
        return [
            PickerLine(row(part))
            for line in map(plain_text, text.splitlines())
            for part in ([line] if line.startswith(" ") else wrap(line, max(20, width)))
        ]

    def _show_detail(self) -> None:
        detail: Panel[tuple[FleetItem, ...]] = self.query_one("#host-detail", Panel)
        current = self.current
        detail.update((current,) if current is not None else ())

    def _read_cursor(self) -> None:
        """Note the item under the cursor, which may have moved since the list was drawn."""
        items = self._data.runs if self._data is not None else ()
        chosen = self.query_one(LinePicker).chosen
        if chosen < len(items):
            self._at = _place_of(items[chosen])

    def _index(self) -> int:
        """Return the index of the item under the cursor; if it is not listed any more, that of its host."""
        items = self._data.runs if self._data is not None else ()
        places = {_place_of(item): index for index, item in enumerate(items)}
        return places.get(self._at, places.get((self._at[0], ""), 0))

    @property
    def current(self) -> FleetItem | None:
        """The item under the cursor."""
        items = self._data.runs if self._data is not None else ()
        chosen = self.query_one(LinePicker).chosen
        return items[chosen] if chosen < len(items) else None

    @property
    def _run(self) -> FoundRun | None:
        return self.current if isinstance(self.current, FoundRun) else None

    def on_picker_chosen(self) -> None:
        self._read_cursor()
        self._show_detail()
        self.show_keys(self._copying)

    def on_picker_activated(self) -> None:
        self.action_open()

    # --- keys -------------------------------------------------------------------------------------------

    def is_key_enabled(self, key: Key) -> bool:
        action, runs = key.action, runs_of(self.current)
        if action in _RUN_ACTIONS and not runs:
            return False
        if action == "stop":  # of a sweep, the next run would start
            return self._run is not None and not self._run.entry.ended
        if action == "compare":
            return len(self._marked | {_place_of(run) for run in runs}) > 1
        if action in ("unfold", "fold"):
            return self._sweep_to_fold(unfold=action == "unfold") is not None
        return super().is_key_enabled(key) and (action != "view" or bool(self._data and self._data.views))

    def action_open(self) -> None:
        """Copy the run, then watch it or show its result; list the runs of a sweep, or fold them."""
        if (run := self._run) is not None:
            self._copy((run,))
        elif isinstance(self.current, FoundSweep):
            self._unfolded ^= {_place_of(self.current)}
            self._show()

    def _sweep_to_fold(self, *, unfold: bool) -> tuple[str, str] | None:
        """Return the sweep under the cursor, or that of the run there, if it can be unfolded or folded.

        A sweep with a single listed run has no row of its own.
        """
        item, place = self.current, None
        if isinstance(item, FoundSweep):
            place = _place_of(item)
        elif isinstance(item, FoundRun) and item.run.sweep is not None:
            place = item.host, item.run.sweep.sweep
        items = self._data.runs if self._data is not None else ()
        if place is None or place not in {_place_of(one) for one in items}:
            return None
        return place if (place in self._unfolded) != unfold else None

    def action_unfold(self) -> None:
        if (place := self._sweep_to_fold(unfold=True)) is not None:
            self._unfolded |= {place}
            self._show()

    def action_fold(self) -> None:
        if (place := self._sweep_to_fold(unfold=False)) is not None:
            self._unfolded -= {place}
            self._show(at=place)

    def action_mark(self) -> None:
        """Mark or unmark the run, or all runs of the sweep."""
        places = {_place_of(run) for run in runs_of(self.current)}
        if places:
            self._marked = self._marked - places if places <= self._marked else self._marked | places
            self.query_one(LinePicker).action_move(1)
            self._show()

    def action_compare(self) -> None:
        """Copy and compare the marked runs; with one mark, that run with the one under the cursor."""
        items = self._data.runs if self._data is not None else ()
        marked = self._marked
        if len(marked) < 2:
            marked |= {_place_of(run) for run in runs_of(self.current)}
        listed = {_place_of(run): run for item in items for run in runs_of(item)}
        runs = tuple(run for place, run in listed.items() if place in marked)
        if len(runs) < 2:
            self.notify("mark two or more runs with space to compare them")
        else:
            self._copy(runs)

    def action_view(self) -> None:
        self._every = not self._every
        self._show()

    def action_refresh(self) -> None:
        self._open_fleet()
        if self._fleet is not None:
            self._fleet.refresh()
        self._show()

    async def action_stop(self) -> None:
        fleet, run = self._fleet, self._run
        if fleet is None or run is None or run.entry.ended:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._stops.append((run, fleet.stop(run.host, run.id, f"{STOPPED_BY} on {host_name()}")))
                self.notify(f"stop requested: {run.host}:{run.id}", timeout=3)

        detail = f"Run {run.id} ends on {run.host}; its results so far are kept."
        question = ConfirmScreen(f"Stop {plain_text(run.entry.profile)}?", detail, yes="stop", no="cancel")
        await self.app.open_dialog(question, answered)

    def _report_stops(self) -> None:
        """Tell which stops failed."""
        for run, state in list(self._stops):
            if state.answer is not None:
                self._stops.remove((run, state))
                if state.answer:
                    self.app.notify_error(UserError(f"{run.host}:{run.id}: {state.answer}"))

    # --- copies -----------------------------------------------------------------------------------------

    def _copy(self, runs: tuple[FoundRun, ...]) -> None:
        if not self._copying and self._fleet is not None:
            self._copying = f"copying {', '.join(f'{run.host}:{run.id[-4:]}' for run in runs)} ..."
            self.show_keys(self._copying)
            self.run_worker(lambda: self._copy_in_thread(runs), thread=True, group="copy")

    def _copy_in_thread(self, runs: tuple[FoundRun, ...]) -> None:
        fleet = self._fleet
        assert fleet is not None
        directories: list[Path] = []
        try:
            for run in runs:
                whole = len(runs) > 1 or run.entry.ended
                found = fleet.copy(run, whole=whole, is_cancelled=lambda: not self.is_attached)
                if found is None:
                    return
                directories.append(found)
        except UserError as error:
            self.post_message(self.Failed(error))
        else:
            self.post_message(self.Copied(runs, tuple(directories)))

    def on_fleet_screen_copied(self, message: Copied) -> None:
        self._copying = ""
        if len(message.runs) > 1:
            self.app.open_compare(tuple(map(str, message.directories)))
        elif message.runs[0].entry.ended:
            self.app.open_result(message.directories[0])
        else:
            try:
                self.app.open_live(run_feed.open_feed(message.directories[0]))
            except UserError as error:
                self.app.notify_error(error)

    def on_fleet_screen_failed(self, message: Failed) -> None:
        self._copying = ""
        self.app.notify_error(message.error)
        self._show()


def _place_of(item: FleetItem) -> tuple[str, str]:
    return (item.name, "") if isinstance(item, HostView) else (item.host, item.id)


def _draw_detail(data: tuple[FleetItem, ...], width: int, height: int) -> list[Row]:
    return draw_detail(data[0] if data else None, width, height)


def open_screen(place: FleetPlace) -> FleetScreen:
    return FleetScreen(place.hosts)
