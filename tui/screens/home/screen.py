"""The home screen: profiles, their options as a form, and the commands that a run executes.

The first frame is the header and the footer. Then come the names of the profiles with the form of the
selected one, then the other profiles, the history of runs, the plan and preflight. All are read outside of
the event loop, so that keys are answered as soon as the first profile is shown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from runner.cli.places import HomePlace
from runner.util.errors import UserError
from tui.framework.keymap import bindings
from tui.framework.picker import Picker
from tui.framework.rows import Panel
from tui.framework.screen import KeyFooter
from tui.screens.home.header import draw_home_header
from tui.screens.home.keys import KEYS
from tui.screens.home.listing import HomeListing

if TYPE_CHECKING:
    from runner.schema.base import Profile
    from tui.framework.filter_input import FilterInput
    from tui.screens.home.catalogue import ProfileListing
    from tui.screens.home.command_pane import CommandPane

ONE_PANE = 8
"""Rows of the terminal below which only the pane with the focus is shown."""


class HomeScreen(HomeListing):
    """Connects the list, the form and the commands, and supplies their content."""

    CSS_PATH = "screen.tcss"
    screen_name = "home"
    tiny_below = 16  # then the panes without the focus are one line each
    own_keys = KEYS
    filter_pane = "#profiles"
    filter_list = "#profile-list"
    filter_hint = "words in any column, like: qwen 8 gpus"
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    def compose(self) -> ComposeResult:
        yield Panel(draw_home_header, id="header")
        yield Container(id="home-body", classes="-at-list")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._show_frame()

    # --- the selected profile ---------------------------------------------------------------------------

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        if not self._pane.accept():
            self.show_list()
            self._pane.return_to_editor()
        elif event.item < len(self._items):
            self.take(self._items[event.item])

    def on_picker_activated(self, event: Picker.Activated) -> None:
        """Focus the options of a double-clicked profile."""
        self.query_one("#profile-form").focus()

    # --- the form ---------------------------------------------------------------------------------------

    def on_form_pane_changed(self) -> None:
        self.show_keys()
        self.show_list()
        self.plan()

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
        self.show_summary()
        self.show_keys()

    # --- running ----------------------------------------------------------------------------------------

    def on_command_pane_checked(self, message: CommandPane.Checked) -> None:
        """Show the verdict of preflight also in the list, if it is about the profile as it is saved."""
        from tui.screens.home.fits import fits_of

        for item in self._items:
            if item.run is None and item.profile == message.profile:
                fits_of(self.app).note_preflight(item.path, message.profile, message.worst)
                self.read_in_background()

    def action_check_profile(self) -> None:
        self.allow_programs()
        self.show_keys()
        self.plan()

    async def action_start(self) -> None:
        """Start the selected profile with the values of the form, or open the selected run."""
        if not self._pane.accept() or self._item is None or self._item.unread:
            return
        if self._item.run is not None:
            self._open(self._item.run.run_dir)
        elif self._form is None:
            self.notify(
                f"{self._item.name} is invalid; the text about it says what to correct",
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
            await self.app.open_dialog(SweepStart(profile, self._failing(profile)), answered)

    async def action_tune(self) -> None:
        """Ask for the objective, start a tuning of the profile and open its screen."""
        from tui.screens.tune.start import TuneStart

        def answered(directory: Path | None) -> None:
            if directory is not None:
                self.app.open_sweep(directory)

        if self._pane.accept() and self._form is not None:
            profile = self._form.profile
            await self.app.open_dialog(TuneStart(profile, self._failing(profile)), answered)

    def _failing(self, profile: Profile) -> list[str]:
        return [f"{check.name}: {check.text}" for check in self._commands.failing(profile)]

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
        self.read_in_background()

    async def action_import_engine(self) -> None:
        if self._pane.accept():
            from tui.screens.home.import_engine import ImportEngineScreen

            await self.app.open_dialog(ImportEngineScreen(), self._imported)

    def _imported(self, profile: Profile | None) -> None:
        from tui.screens.home.form import add_variant, drafts_of

        if profile is not None:
            add_variant(drafts_of(self.app), profile)
            self._listing = None  # selects the new profile when read again
            self.read_in_background()

    @property
    def _input_line(self) -> FilterInput:
        """The open line of the filter or the search."""
        return cast("FilterInput", self.query("#filter, #field-search").first())

    # --- filtering and moving ---------------------------------------------------------------------------

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
        """Give the room of a small terminal to the pane with the focus."""
        if self.opening:
            return
        self.show_keys()
        if self.focused is None:
            return
        body = self.query_one("#home-body")
        at = (
            "-at-options"
            if self._is_in_options
            else "-at-commands"
            if self._commands.has_focus
            else "-at-list"
        )
        if not body.has_class(at):
            body.remove_class("-at-list", "-at-options", "-at-commands")
            body.add_class(at)

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
            self.show_list()

    # --- the frame --------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.set_class(self.app.size.height < ONE_PANE, "-one-pane")
        if self.opening:
            self.read_when_laid_out()
        else:
            self.show_summary()

    def _show_frame(self, note: str = "") -> None:
        header: Panel[str] = self.query_one("#header", Panel)
        header.update(note)
        self.show_keys()


def open_screen(_: HomePlace) -> HomeScreen:
    return HomeScreen()
