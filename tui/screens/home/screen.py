"""The home screen: profiles, their options as a form, and the commands that a run executes.

The first frame is the header and the footer. Then come the names of the profiles with the form of the
selected one, then the other profiles, the history of runs, the plan and preflight. All are read outside of
the event loop, so that keys are answered as soon as the first profile is shown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from runner.cli.places import HomePlace
from runner.errors import UserError
from tui.framework.keymap import bindings
from tui.framework.picker import Picker
from tui.framework.rows import Panel
from tui.framework.screen import KeyFooter
from tui.framework.titles import set_subtitle
from tui.screens.home.header import draw_home_header
from tui.screens.home.key_states import HomeKeys
from tui.screens.home.keys import KEYS
from tui.screens.home.profile_summary import ProfileSummary

if TYPE_CHECKING:
    from runner.schema.base import Profile
    from tui.framework.filter_input import FilterInput
    from tui.screens.home.catalogue import Catalogue, ProfileItem, ProfileListing
    from tui.screens.home.command_pane import CommandPane
    from tui.screens.home.form import Form

LOOK_EVERY_S = 2.0
"""Interval for reading profiles and active runs again."""
LOW = 32
"""On terminals with fewer lines the summary of a profile is brief."""


class HomeScreen(HomeKeys):
    """Connects the list, the form and the commands, and supplies their content."""

    CSS_PATH = "screen.tcss"
    screen_name = "home"
    own_keys = KEYS
    filter_pane = "#profiles"
    filter_list = "#profile-list"
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    @dataclass
    class ProfilesRead(Message):
        """The profiles and the active runs were read."""

        listing: ProfileListing
        complete: bool
        """False: only the names and one profile"""

    def __init__(self) -> None:
        super().__init__()
        self._catalogue: Catalogue | None = None
        self._items: list[ProfileItem] = []
        """the items of the list, filtered"""
        self._reading = False
        self._started_reading = False

    def compose(self) -> ComposeResult:
        yield Panel(draw_home_header, id="header")
        yield Container(id="home-body")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._show_frame()

    # --- the list of profiles ---------------------------------------------------------------------------

    def _read_in_background(self) -> None:
        if not self._reading and self.is_current:
            self._reading = True
            self.run_worker(self._read_listing, thread=True, group="listing")

    def _read_first(self) -> None:
        """Read what the first view needs: the names of the profiles, and one profile."""
        from tui.screens.home.catalogue import Catalogue
        from tui.screens.home.form import drafts_of
        from tui.screens.home.panes import create_panes  # noqa: F401 - imported here, outside of the event loop

        self._catalogue = Catalogue()
        listing = self._catalogue.read_names(drafts_of(self.app).chosen)
        if listing is None:
            self._read_listing()
        else:
            self.post_message(self.ProfilesRead(listing, complete=False))

    def _read_listing(self) -> None:
        assert self._catalogue is not None
        self.post_message(self.ProfilesRead(self._catalogue.read_all(), complete=True))

    async def on_home_screen_profiles_read(self, message: ProfilesRead) -> None:
        from tui.screens.home.catalogue import with_unsaved
        from tui.screens.home.form import drafts_of

        drafts = drafts_of(self.app)
        listing = with_unsaved(message.listing, drafts.unsaved.values())
        if self._listing is None:
            self._item = listing.item(drafts.chosen)
        self._listing = listing
        if self.opening:
            from tui.screens.home.panes import create_panes

            # Mounting the panes earlier would draw them empty first.
            with self.app.batch_update():
                await self.query_one("#home-body").mount(*create_panes())
                self.opening = False
                self._list.focus()
                self._show_list()
            self.show_keys()
            self.set_interval(LOOK_EVERY_S, self._read_in_background)
            self.app.call_later(self.app.resume_keys)
        else:
            self._show_list()
        self._reading = False
        if not message.complete:
            self.call_after_refresh(self._read_in_background)

    def _show_list(self) -> None:
        """Show the filtered list; the selected item stays selected if it still exists."""
        if self._listing is None:
            return
        from tui.screens.home.catalogue import filter_items
        from tui.screens.home.form import drafts_of

        self._items = filter_items(self._listing.items, self.filter)
        keys = [item.key for item in self._items]
        chosen = keys.index(self._item.key) if self._item and self._item.key in keys else 0
        self._list.show_items(
            self._items,
            chosen,
            changed={name for name, form in drafts_of(self.app).forms.items() if form.changed},
            now=now(),
            empty=f"no profile contains “{self.filter}”" if self.filter else "no profiles",
        )
        pane = self.query_one("#profiles")
        set_subtitle(pane, f"filter: {self.filter} · esc all" if self.filter else "")
        self._take(self._items[chosen] if self._items else None)

    def _take(self, item: ProfileItem | None) -> None:
        """Show an item on the right; its form is reset only if its profile changed."""
        from tui.screens.home.form import drafts_of

        before, self._item = self._item, item
        if item is not None:
            drafts_of(self.app).chosen = item.key
        self._show_summary()
        form = self._form_of(item)
        same = before is not None and item is not None and before.key == item.key
        if same and form is not None and self._form is not None and form.saved == self._form.saved:
            return
        self._pane.show(form, read_only=item is not None and item.run is not None)
        self.query_one("#home-body").set_class(form is None, "-empty")
        self.show_keys()
        self._plan()

    def _form_of(self, item: ProfileItem | None) -> Form | None:
        from tui.screens.home.form import drafts_of, open_form

        if item is None or item.profile is None:
            return None
        return open_form(item.profile) if item.run is not None else drafts_of(self.app).form_of(item.profile)

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        if not self._pane.accept():
            self._show_list()
            self._pane.return_to_editor()
        elif event.item < len(self._items):
            self._take(self._items[event.item])

    def on_picker_activated(self, event: Picker.Activated) -> None:
        """Focus the options of a double-clicked profile."""
        self.query_one("#profile-form").focus()

    # --- the form ---------------------------------------------------------------------------------------

    def on_form_pane_changed(self) -> None:
        self.show_keys()
        self._show_list()
        self._plan()

    async def action_edit(self) -> None:
        if self._form is not None:
            await self._pane.edit()

    async def action_run(self) -> None:
        """Run from the list, edit in the options; the commands cannot be changed."""
        if self.typing == "editing":
            self._pane.accept()
        elif self.typing:
            self._input_line.action_close(True)
        elif self._is_in_options:
            await self.action_edit()
        elif self.focused is not self._commands:
            await self.action_start()

    async def action_filter(self) -> None:
        if self._is_in_options:
            await self._pane.open_search()
        else:
            await super().action_filter()

    def action_undo(self) -> None:
        if self._form is not None and not self._pane.undo():
            self.notify("nothing to undo")

    def action_redo(self) -> None:
        if self._form is not None and not self._pane.redo():
            self.notify("nothing to redo")

    def action_reset(self) -> None:
        self._pane.reset()

    def action_escape(self) -> None:
        """Undo the last step of looking around, and nothing else; an edit is cancelled alone."""
        if self.typing == "editing":
            self._pane.leave_editor()
        elif self.typing:
            self._input_line.action_close(False)
        elif self.focused is not self._list:
            if self._pane.search and self._is_in_options:
                self._pane.show_all()
            else:
                self._list.focus()
        elif self.filter:
            self.action_show_all()
        elif self._listing is not None and self._listing.newcomer:
            self._hide_welcome(self._listing)

    def _hide_welcome(self, listing: ProfileListing) -> None:
        from runner.profile import settings

        try:
            settings.update(welcome=False)
        except UserError as error:
            self.app.notify_error(error)
        self._listing = replace(listing, newcomer=False)
        self._show_summary()
        self.show_keys()

    # --- running ----------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Make the plan after the form is drawn, which has priority at the start."""
        if self._form is not None:
            run = self._item.run if self._item else None
            if self.needs_consent:
                self._commands.ask_for_consent()
                return
            self.call_after_refresh(
                self._commands.show_plan, self._form.profile, run.run_dir if run else None
            )

    def action_check_profile(self) -> None:
        self.allow_programs()
        self.show_keys()
        self._plan()

    async def action_start(self) -> None:
        """Start the selected profile with the values of the form, or open the selected run."""
        if not self._pane.accept() or self._item is None or self._item.unread:
            return
        if self._item.run is not None:
            self._open(self._item.run.run_dir)
        elif self._form is None:
            self.notify(
                f"{self._item.name} is invalid; the error is shown on the right",
                severity="error",
            )
        elif self.offers_sweep:
            await self.action_sweep()
        else:
            self._commands.run(self._form.profile)

    async def action_sweep(self) -> None:
        """Ask for axes, start a sweep of the profile and open its board; or start one run of it."""
        from tui.screens.sweep.start import RunOnce, SweepAnswer, SweepStart

        def answered(answer: SweepAnswer) -> None:
            if isinstance(answer, RunOnce):
                self._commands.run(profile)
            elif answer is not None:
                self.app.open_sweep(answer)

        if self._pane.accept() and self._form is not None:
            profile = self._form.profile
            failing = [f"{check.name}: {check.text}" for check in self._commands.failing(profile)]
            await self.app.open_dialog(SweepStart(profile, failing), answered)

    def on_command_pane_starting(self, message: CommandPane.Starting) -> None:
        self._show_frame("starting the run ..." if message.active else "")

    def on_command_pane_run_started(self, message: CommandPane.RunStarted) -> None:
        if not self._open(message.run_dir):
            self._commands.set_starting(False)

    def _open(self, run_dir: Path) -> bool:
        """Open a run; return False if that fails."""
        from runner.history.run_feed import open_feed

        try:
            self.app.open_live(open_feed(run_dir))
        except UserError as error:
            self.app.notify_error(error)
            return False
        return True

    # --- saving -----------------------------------------------------------------------------------------

    async def action_save_as(self) -> None:
        if not self._pane.accept() or self._form is None:
            return
        from tui.screens.home.save_as import SaveAsScreen

        await self.app.open_dialog(SaveAsScreen(self._form.profile), self._saved)

    def _saved(self, profile: Profile | None) -> None:
        """Drop the draft of the edited profile: its changes are now in the saved profile."""
        if profile is None or self._form is None:
            return
        from tui.screens.home.form import drafts_of

        drafts = drafts_of(self.app)
        drafts.forms.pop(self._form.saved.name, None)
        drafts.unsaved.pop(self._form.saved.name, None)
        drafts.chosen = profile.name
        self._listing = None  # selects the saved profile when read again
        self.notify(f"saved as {profile.name}")
        self._read_in_background()

    async def action_import_engine(self) -> None:
        if self._pane.accept():
            from tui.screens.home.import_engine import ImportEngineScreen

            await self.app.open_dialog(ImportEngineScreen(), self._imported)

    def _imported(self, profile: Profile | None) -> None:
        from tui.screens.home.form import add_variant, drafts_of

        if profile is not None:
            add_variant(drafts_of(self.app), profile)
            self._listing = None  # selects the new profile when read again
            self._read_in_background()

    @property
    def _input_line(self) -> FilterInput:
        """The open line of the filter or the search."""
        return cast("FilterInput", self.query("#filter, #field-search").first())

    # --- filtering and moving ---------------------------------------------------------------------------

    def watch_filter(self) -> None:
        self._show_list()
        self.show_keys()

    def action_switch_pane(self, step: int = 1) -> None:
        """Cycle the focus: list, form, commands."""
        if not self._pane.accept():
            return
        panes: list[Widget] = [self._list]
        if self._form is not None:
            panes += [self.query_one("#profile-form"), self._commands]
        focused = self.focused
        here = panes.index(focused) if focused in panes else 0
        panes[(here + step) % len(panes)].focus()

    def on_descendant_focus(self) -> None:
        self._focus_moved()

    def on_descendant_blur(self) -> None:
        self._focus_moved()

    def _focus_moved(self) -> None:
        """Enlarge the commands over the form while they have the focus on a low terminal."""
        if not self.opening:
            self.show_keys()
            body = self.query_one("#home-body")
            body.set_class(self._commands.has_focus and self.size.height < LOW, "-unfolded")

    def may_leave(self) -> bool:
        return self.opening or self._pane.accept()

    def action_runs(self) -> None:
        if self.may_leave():
            super().action_runs()

    def choose(self, name: str) -> None:
        """Select a profile by its name, in the unfiltered list."""
        if self._listing is not None:
            self._item = self._listing.item(name)
            self.filter = ""
            self._show_list()

    # --- the frame --------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        if not self.opening:
            self._show_summary()
        elif not self._started_reading:
            # Reading starts after the first frame, which needs the first size.
            self._started_reading = True
            self.call_after_refresh(self.run_worker, self._read_first, thread=True, group="listing")

    def _show_summary(self) -> None:
        if self._listing is not None:
            panel: Panel[ProfileSummary] = self.query_one("#about", Panel)
            panel.update(ProfileSummary(self._item, self._listing.newcomer, self.size.height < LOW, now()))

    def _show_frame(self, note: str = "") -> None:
        header: Panel[str] = self.query_one("#header", Panel)
        header.update(note)
        self.show_keys()


def now() -> float:
    """Return seconds since 1970; the only clock of this screen."""
    return time.time()


def open_screen(_: HomePlace) -> HomeScreen:
    return HomeScreen()
