"""Other machines: what they do, and their runs to attach to, stop and compare."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from runner.cli.places import FleetPlace
from runner.fleet.fleet import HostView
from runner.fleet.found import FoundRun, FoundSweep
from runner.fleet.wire import sweep_key
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
from tui.screens.fleet.copies import Copies
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
        self._copies = Copies(self)
        self._stops: list[tuple[str, StopState]] = []
        """name of the run or sweep, and its state"""

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
        self.show_keys()

    def show_keys(self, note: str = "") -> None:
        """Update the footer; it says what is being copied."""
        super().show_keys(note or self._copies.note)

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
        self.show_keys()

    def on_picker_activated(self) -> None:
        self.action_open()

    # --- keys -------------------------------------------------------------------------------------------

    def is_key_enabled(self, key: Key) -> bool:
        action, runs = key.action, runs_of(self.current)
        if action in _RUN_ACTIONS and not runs:
            return False
        if action == "stop":
            return isinstance(self.current, FoundRun | FoundSweep) and not self.current.entry.ended
        if action == "sweep":
            return bool(runs) and runs[0].run.sweep is not None
        if action == "compare":
            return len(self._marked | {_place_of(run) for run in runs}) > 1
        if action in ("unfold", "fold"):
            return self._sweep_to_fold(unfold=action == "unfold") is not None
        return super().is_key_enabled(key) and (action != "view" or bool(self._data and self._data.views))

    def action_open(self) -> None:
        """Copy the run, then watch it or show its result; of a sweep, show the board."""
        if isinstance(self.current, FoundSweep):
            self.action_sweep()
        elif (run := self._run) is not None:
            self._copy((run,))

    def action_sweep(self) -> None:
        """Copy the sweep of the row, then show its board."""
        runs = runs_of(self.current)
        sweep = runs[0].run.sweep if runs else None
        if sweep is not None and self._fleet is not None:
            self._copies.request(
                self._fleet,
                [(runs[0].host, sweep_key(sweep.sweep))],
                whole=True,
                then=lambda copies: self.app.open_sweep(copies[0], self._hosts),
            )

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
        """Copy and compare the marked runs; with one mark, that run with the one under the cursor.

        Repeats of a cell of a sweep are one side, as in the list of runs of this machine.
        """
        items = self._data.runs if self._data is not None else ()
        marked = self._marked
        if len(marked) < 2:
            marked |= {_place_of(run) for run in runs_of(self.current)}
        listed = {_place_of(run): run for item in items for run in runs_of(item)}
        runs = tuple(run for place, run in listed.items() if place in marked)
        if len(_sides([f"{run.host}:{run.id}" for run in runs], runs)) < 2:
            from tui.screens.compare.screen import one_side_text

            self.notify(one_side_text(len(runs)))
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
        fleet, item = self._fleet, self.current
        if fleet is None or not isinstance(item, FoundRun | FoundSweep) or item.entry.ended:
            return
        host, name = item.host, f"{item.host}:{item.id}"
        is_sweep = isinstance(item, FoundSweep)
        key = sweep_key(item.id) if is_sweep else item.id

        def answered(yes: bool | None) -> None:
            if yes:
                self._stops.append((name, fleet.stop(host, key, f"{STOPPED_BY} on {host_name()}")))
                self.notify(f"stop requested: {name}", timeout=3)

        detail = f"Run {item.id} ends on {host}; its results so far are kept."
        if is_sweep:
            detail = f"Its current run is stopped on {host}. Measurements are kept; the sweep can be resumed."
        what = "this sweep" if is_sweep else plain_text(item.entry.profile)
        question = ConfirmScreen(f"Stop {what}?", detail, yes="stop", no="cancel")
        await self.app.open_dialog(question, answered)

    def _report_stops(self) -> None:
        """Tell which stops failed."""
        for name, state in list(self._stops):
            if state.answer is not None:
                self._stops.remove((name, state))
                if state.answer:
                    self.app.notify_error(UserError(f"{name}: {state.answer}"))

    # --- copies -----------------------------------------------------------------------------------------

    def _copy(self, runs: tuple[FoundRun, ...]) -> None:
        if self._fleet is not None:
            whole = len(runs) > 1 or runs[0].entry.ended
            wanted = [(run.host, run.id) for run in runs]
            self._copies.request(
                self._fleet, wanted, whole=whole, then=lambda copies: self._open_copies(runs, copies)
            )

    def _open_copies(self, runs: tuple[FoundRun, ...], copies: list[Path]) -> None:
        if len(runs) > 1:
            self.app.open_compare(_sides(map(str, copies), runs))
        elif runs[0].entry.ended:
            self.app.open_result(copies[0])
        else:
            try:
                self.app.open_live(run_feed.open_feed(copies[0]))
            except UserError as error:
                self.app.notify_error(error)


def _place_of(item: FleetItem) -> tuple[str, str]:
    return (item.name, "") if isinstance(item, HostView) else (item.host, item.id)


def _sides(names: Iterable[str], runs: Sequence[FoundRun]) -> tuple[str, ...]:
    """Return the sides of a comparison of runs, by the name of each."""
    from tui.screens.compare.screen import group_sides  # the list needs none of its imports

    sweeps = [run.run.sweep for run in runs]
    cells = [
        (run.host, of.sweep, of.cell) if of is not None else None
        for run, of in zip(runs, sweeps, strict=True)
    ]
    return group_sides(zip(names, cells, strict=True))


def _draw_detail(data: tuple[FleetItem, ...], width: int, height: int) -> list[Row]:
    return draw_detail(data[0] if data else None, width, height)


def open_screen(place: FleetPlace) -> FleetScreen:
    return FleetScreen(place.hosts)
