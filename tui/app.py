"""The dashboard: one app that shows one screen at a time, each imported when it is first shown."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.binding import BindingType
from textual.filter import ANSIToTruecolor, NoColor
from textual.screen import Screen, SystemModalScreen

from runner.cli.places import (
    ComparePlace,
    DashboardPlace,
    FleetPlace,
    HomePlace,
    LivePlace,
    ResultPlace,
    RunsPlace,
    sweep_place,
)
from runner.util.console import control_terminal
from runner.util.errors import UserError
from runner.util.themes import THEME_NAMES
from runner.util.threads import on_thread_error
from tui.framework import lifecycle
from tui.framework.ascii_filter import AsciiFilter
from tui.framework.clean_filter import CleanFilter
from tui.framework.indexed_colours import IndexedColours
from tui.framework.keymap import GLOBAL_KEYS, key_bindings
from tui.framework.screen import KeyedScreen
from tui.framework.sixteen_colours import SixteenColours
from tui.framework.terminal import TerminalApp
from tui.screens.registry import create_screen
from tui.text import ascii_only
from tui.theme import MONOCHROME, OF_SIXTEEN, THEMES, has_few_colours, starting_theme

if TYPE_CHECKING:
    from textual.app import App
    from textual.command import Provider
    from textual.filter import LineFilter

    from runner.fleet.fleet import Fleet
    from runner.history.run_feed import Feed
    from runner.profile.settings import FleetHost, Settings
    from runner.state.run import LiveStatus

DialogResult = TypeVar("DialogResult")
MAX_HISTORY = 16
"""How many places the way back remembers."""
ASCII = AsciiFilter()
INDEXED = IndexedColours()
SIXTEEN = SixteenColours(OF_SIXTEEN)
CLEAN = CleanFilter()
PALETTE_HINT = "name of a run, a profile or a command"
TITLE_EVERY_S = 1.0
STARTUP_S = 1.0
"""How long after its first frame a screen may still be loading."""
VARIANTS = Path(__file__).with_name("variants.tcss")
WITH_VARIANTS = (MONOCHROME, "high-contrast")
"""Themes that have rules of their own; so have ASCII and terminals with 16 colours."""
WIDTHS = [(0, "-narrow"), (100, "-wide"), (160, "-very-wide")]
HEIGHTS = [(0, "-low"), (32, "-high"), (46, "-very-high")]
"""CSS classes of every screen, by minimum number of columns and rows"""


def _palette_provider() -> type[Provider]:
    """Return the commands of the palette; imported when it is opened."""
    from tui.palette import PaletteProvider

    return PaletteProvider


def _target_provider() -> type[Provider]:
    """Return the runs and profiles of the palette; imported when it is opened."""
    from tui.targets import TargetProvider

    return TargetProvider


class TrtbenchApp(TerminalApp):
    """Shows one place (`DashboardPlace`) at a time and remembers the way back."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "trtbench-tui"
    DEFAULT_MODE = "visit 0"
    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {_palette_provider, _target_provider}  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = key_bindings(GLOBAL_KEYS)
    ALLOW_SELECT = False
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def __init__(self, start: DashboardPlace) -> None:
        super().__init__()
        self._settings_error: UserError | None = None
        for theme in THEMES:
            self.register_theme(theme)
        try:
            self.theme = starting_theme() or self.theme
        except UserError as error:
            self.theme = THEME_NAMES[0]
            self._settings_error = error
        self.place: DashboardPlace = start
        """the place that is shown"""
        self.exit_message = ""
        """the text to print after the dashboard has released the terminal"""
        self._title = ""
        """the title of the window; empty: the title from before the start"""
        self._title_set_at = 0.0
        self._way_back: list[DashboardPlace] = []
        self._visits = 0
        self._fleets: list[tuple[list[FleetHost], Fleet]] = []
        self.add_mode(self.DEFAULT_MODE, lambda: self._with_size_classes(create_screen(start)))
        self.set_class(ascii_only(), "-ascii")
        self.set_class(has_few_colours(self.console), "-few-colours")
        if ascii_only() or has_few_colours(self.console):
            self.stylesheet.read_first(VARIANTS)

    def on_ready(self) -> None:
        # After a suspension the screen shows the output of the shell.
        self.app_resume_signal.subscribe(self, lambda _: self.action_repaint())
        self.watch_theme(self.theme)
        if self._settings_error is not None:
            self.notify_error(self._settings_error)
        if not gc.isenabled():
            self.set_timer(STARTUP_S, _collect_garbage)

    # --- colours ----------------------------------------------------------------------------------------

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters that every drawn line passes through; the last ones clean it.

        In monochrome, a filter removes all colours, including those of Textual's widgets. In the other themes
        of the dashboard, its screens use no ANSI colours, so the filter that converts them is left out.
        """
        last: list[LineFilter] = [CLEAN, ASCII] if ascii_only() else [CLEAN]
        if self.theme == MONOCHROME:
            return [NoColor(), *last]
        if self.console.color_system == "256":
            last = [INDEXED, *last]
        elif has_few_colours(self.console):
            last = [SIXTEEN, *last]
        filters = super().get_line_filters()
        if self.theme not in THEME_NAMES or isinstance(self.screen, SystemModalScreen):
            return [*filters, *last]
        colours = [line_filter for line_filter in filters if not isinstance(line_filter, ANSIToTruecolor)]
        return [*colours, *last]

    def watch_theme(self, name: str) -> None:
        self.no_color = name == MONOCHROME
        self.fill_page("" if self.no_color else self.current_theme.background or "")
        if name in WITH_VARIANTS:
            self.stylesheet.read_first(VARIANTS)

    def choose_theme(self, name: str) -> None:
        """Set the theme, and store it as the default of later starts."""
        self.theme = name
        try:
            from runner.profile import settings

            settings.update(theme=name)
        except UserError as error:
            self.notify_error(UserError(f"cannot store the theme in the settings: {error}"))

    def action_next_theme(self) -> None:
        here = THEME_NAMES.index(self.theme) if self.theme in THEME_NAMES else -1
        self.choose_theme(THEME_NAMES[(here + 1) % len(THEME_NAMES)])
        self.notify(f"theme: {self.theme}", timeout=2)

    # --- the command palette ----------------------------------------------------------------------------

    async def action_command_palette(self) -> None:  # type: ignore[override]
        from textual.command import CommandPalette

        if not CommandPalette.is_open(cast("App[object]", self)):
            await self.open_dialog(CommandPalette(id="--command-palette", placeholder=PALETTE_HINT))

    def on_command_palette_opened(self) -> None:
        """Stop the cursor from blinking: an idle dashboard writes nothing."""
        from textual.command import CommandPalette
        from textual.widgets import Input

        # The palette may be closed again, or covered, when its message arrives.
        for palette in (screen for screen in self.screen_stack if isinstance(screen, CommandPalette)):
            for line in palette.query(Input):
                line.cursor_blink = False

    # --- title and notifications ------------------------------------------------------------------------

    @cached_property
    def settings(self) -> Settings:
        """The settings of the user; the defaults when the file has an error, which was shown at the start."""
        from runner.profile import settings

        try:
            return settings.load()
        except UserError:
            return settings.Settings()

    def show_title(self, text: str) -> None:
        """Set the title of the window, at most once a second."""
        if text == self._title or not self.settings.title:
            return
        if time.monotonic() - self._title_set_at < TITLE_EVERY_S:
            return
        from tui.framework import terminal_notify

        if terminal_notify.supports_osc(os.environ):
            save = "" if self._title else terminal_notify.SAVE_TITLE
            self._title, self._title_set_at = text, time.monotonic()
            self.send_to_terminal(save + terminal_notify.title_sequence(text))

    def announce(self, profile: str, status: LiveStatus, seconds: float) -> None:
        """Notify a user who may not watch the terminal that a run has ended."""
        chosen = self.settings.notify
        if seconds >= chosen.after:
            from tui.framework import terminal_notify

            text = terminal_notify.notification_text(profile, status, seconds)
            self.send_to_terminal(terminal_notify.notification_sequence(text, chosen.by, os.environ))

    def title_restore_sequence(self) -> str:
        """Return the sequence that restores the former title of the window; empty when it was not changed."""
        from tui.framework import terminal_notify

        return terminal_notify.RESTORE_TITLE if self._title else ""

    # --- navigation, used by every screen -------------------------------------------------------------

    def open_home(self) -> None:
        self._open(HomePlace())

    def open_home_with(self, run_dir: Path) -> None:
        """Show the profiles, with the profile of a run to change and run again."""
        from runner.profile.yaml_file import load_text, read_text
        from runner.run import layout, liveness
        from tui.screens.home.form import add_variant, drafts_of

        path = run_dir / layout.PROFILE
        try:
            profile = load_text(read_text(path), str(path))
            add_variant(drafts_of(self), profile)
            if not liveness.was_started_here(run_dir):
                drafts_of(self).foreign.add(profile.name)
        except UserError as error:
            self.notify_error(error)
        else:
            self.open_home()

    def open_profile(self, name: str) -> None:
        """Show a profile on the home screen."""
        from tui.screens.home.form import drafts_of
        from tui.screens.home.screen import HomeScreen

        drafts_of(self).chosen = name
        if isinstance(self.screen, HomeScreen):
            self.screen.choose(name)
        else:
            self.open_home()

    def open_runs(self) -> None:
        self._open(RunsPlace())

    def open_live(self, feed: Feed) -> None:
        self._open(LivePlace(feed))

    def open_result(self, run_dir: Path) -> None:
        self._open(ResultPlace(run_dir))

    def open_compare(self, names: tuple[str, ...]) -> None:
        self._open(ComparePlace(names))

    def open_fleet(self) -> None:
        self._open(FleetPlace())

    def fleet_of(self, hosts: str) -> Fleet:
        """Return the links to hosts, which stay until the dashboard ends: its runs may be on other screens.

        Args:
            hosts: names with commas between them; empty: those of the settings, as they are now.

        Raises:
            UserError: a name or the settings are invalid.
        """
        from runner.fleet.fleet import Fleet
        from runner.fleet.hosts import chosen_hosts

        chosen = chosen_hosts(hosts)
        for known, fleet in self._fleets:
            if known == chosen:
                return fleet
        fleet = Fleet(chosen)
        fleet.start()
        self._fleets.append((chosen, fleet))
        return fleet

    def close_fleets(self) -> None:
        for _, fleet in self._fleets:
            fleet.close()

    def open_sweep(self, directory: Path, hosts: str = "") -> None:
        """Show a sweep, or the copy of a sweep of one of `hosts`, as `fleet_of` takes them."""
        self._open(sweep_place(directory, hosts))

    async def open_dialog(
        self, dialog: Screen[DialogResult], answered: Callable[[DialogResult | None], None] | None = None
    ) -> None:
        """Show a dialog over the screen and focus it, so that the next key goes to it."""
        await self.push_screen(dialog, answered)
        if dialog.focused is None and dialog.focus_chain:
            dialog.set_focus(dialog.focus_chain[0])

    async def open_help(self, screen_name: str) -> None:
        from tui.screens.dialogs.help import HelpScreen

        await self.open_dialog(HelpScreen(screen_name))

    def back(self) -> None:
        """Show the previous place; without one, the list of runs."""
        place = self._way_back.pop() if self._way_back else RunsPlace()
        if place != self.place:
            self._show(place)

    def notify_error(self, error: UserError) -> None:
        self.notify(str(error), severity="error", timeout=10)

    def action_help_quit(self) -> None:
        """Handle Ctrl+C like `q` on the current screen."""
        self.call_next(self.screen.run_action, "quit")

    def leave(self, code: int = 0, message: str = "") -> None:
        """End the dashboard; `message` is printed after the terminal is released."""
        self.exit_message = message
        self.exit(code)

    def _open(self, place: DashboardPlace) -> None:
        if place == self.place:
            return
        self._way_back = [*self._way_back, self.place][-MAX_HISTORY:]
        self._show(place)

    def _show(self, place: DashboardPlace) -> None:
        # One mode per place: removing a mode also removes the dialogs over its screen.
        if self._title and not isinstance(place, LivePlace):
            self._title_set_at = 0.0  # replace the title of the run at once
            self.show_title(self.TITLE)
        left_mode = self.current_mode
        self.place = place
        self._visits += 1
        entered_mode = f"visit {self._visits}"
        self.add_mode(entered_mode, lambda: self._with_size_classes(create_screen(place)))
        self.switch_mode(entered_mode)
        self.remove_mode(left_mode)

    def _with_size_classes(self, screen: KeyedScreen) -> KeyedScreen:
        """Add the classes of the terminal's size; Textual adds them only after a first layout."""
        for limits, size in ((WIDTHS, self.size.width), (HEIGHTS, self.size.height)):
            # Its styles are applied when it is mounted.
            screen.add_class([name for least, name in limits if size >= least][-1], update=False)
        screen.set_class(self.size.height < screen.tiny_below, "-tiny", update=False)
        return screen


def _collect_garbage() -> None:
    """Enable garbage collection; what was loaded at the start stays and is not scanned again."""
    gc.freeze()
    gc.enable()


def run_app(start: DashboardPlace) -> int:
    """Show the dashboard until the user leaves it.

    Returns:
        The exit code of the command.

    Raises:
        Exception: an unexpected error ended the dashboard; the terminal is restored.
    """
    app = TrtbenchApp(start)
    lifecycle.exit_on_signals(app.leave)
    with lifecycle.restored_terminal(), on_thread_error(app.end_with_error):
        code = app.run()
    app.close_fleets()
    if title := app.title_restore_sequence():
        with suppress(OSError):
            control_terminal(title, sys.stderr)
    if app.crash is not None:
        raise app.crash
    if app.exit_message:
        print(app.exit_message, file=sys.stderr)
    return code if code is not None else app.return_code or 0
