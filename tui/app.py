"""The dashboard: one app, one screen at a time, each imported when it is first shown."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from rich.console import RenderableType
from textual.binding import Binding, BindingType
from textual.filter import ANSIToTruecolor, NoColor
from textual.screen import Screen, SystemModalScreen

from runner.cli.places import ComparePlace, HomePlace, LivePlace, Place, ResultPlace, RunsPlace, SweepPlace
from runner.errors import UserError
from tui.framework import lifecycle
from tui.framework.cell_diff import Shown
from tui.framework.key_queue import TypedKeys
from tui.framework.keymap import EVERYWHERE
from tui.screens.registry import screen_of
from tui.text import ascii_only
from tui.theme import MONOCHROME, NAMES, THEMES, starting_theme

if TYPE_CHECKING:
    from textual.app import App
    from textual.command import Provider
    from textual.filter import LineFilter

    from runner.history.run_feed import Feed
    from runner.profile.settings import Settings
    from runner.state.run import Status

Answer = TypeVar("Answer")
MAX_BACK = 16
TITLE_EVERY_S = 1.0
START_S = 1.0
"""How long after its first frame a screen may still be reading what it shows."""
WIDTHS = [(0, "-narrow"), (100, "-wide"), (160, "-very-wide")]
HEIGHTS = [(0, "-low"), (32, "-high"), (46, "-very-high")]
"""classes of every screen, from this many columns and rows on"""


def _commands() -> type[Provider]:
    """The commands of the palette; made when it is opened."""
    from tui.palette import Commands

    return Commands


@contextmanager
def _without_no_color() -> Iterator[None]:
    """Textual makes colours grey for NO_COLOR and takes it away from the programs that are started from here.

    Our monochrome theme does without colours, and the variable stays.
    """
    value = os.environ.pop("NO_COLOR", None)
    try:
        yield
    finally:
        if value is not None:
            os.environ["NO_COLOR"] = value


class TrtbenchApp(TypedKeys):
    """Shows one place (`Place`) at a time and remembers the way back."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "trtbench-tui"
    DEFAULT_MODE = "visit 0"
    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {_commands}  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.help, show=False, priority=True) for key in EVERYWHERE
    ]
    ALLOW_SELECT = False
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def __init__(self, start: Place) -> None:
        with _without_no_color():
            super().__init__()
        self._settings_error: UserError | None = None
        for theme in THEMES:
            self.register_theme(theme)
        try:
            self.theme = starting_theme() or self.theme
        except UserError as error:
            self.theme = NAMES[0]
            self._settings_error = error
        self.place: Place = start
        """what is shown now"""
        self.farewell = ""
        """what to print when the terminal is the user's again"""
        self._shown = Shown()
        self._title = ""
        """what stands in the title of the window; empty: what stood there before us"""
        self._titled = 0.0
        self._way_back: list[Place] = []
        self._visits = 0
        self.add_mode(self.DEFAULT_MODE, lambda: self._sized(screen_of(start)))
        self.set_class(ascii_only(), "-ascii")

    def on_ready(self) -> None:
        # After a suspension the words of the shell are where our screen was.
        self.app_resume_signal.subscribe(self, lambda _: self.action_repaint())
        if self._settings_error is not None:
            self.notify_error(self._settings_error)
        if not gc.isenabled():
            self.set_timer(START_S, _collect_garbage)

    # --- colours ----------------------------------------------------------------------------------------

    def get_line_filters(self) -> Sequence[LineFilter]:
        """In monochrome nothing that is drawn has a colour, whoever draws it.

        Our screens in our other themes have no colours of the terminal's and no faint ones to look up, so
        nobody looks for them in every line.
        """
        if self.theme == MONOCHROME:
            return [NoColor()]
        filters = super().get_line_filters()
        if self.theme not in NAMES or isinstance(self.screen, SystemModalScreen):
            return filters
        return [one for one in filters if not isinstance(one, ANSIToTruecolor)]

    def watch_theme(self, name: str) -> None:
        self.no_color = name == MONOCHROME

    def choose_theme(self, name: str) -> None:
        """Draw in other colours from now on, also next time."""
        self.theme = name
        try:
            from runner.profile import settings

            settings.remember(theme=name)
        except UserError as error:
            self.notify_error(UserError(f"the theme is not remembered: {error}"))

    def action_next_theme(self) -> None:
        here = NAMES.index(self.theme) if self.theme in NAMES else -1
        self.choose_theme(NAMES[(here + 1) % len(NAMES)])
        self.notify(f"theme: {self.theme}", timeout=2, markup=False)

    # --- the terminal -----------------------------------------------------------------------------------

    def action_repaint(self) -> None:
        """Draw everything again: what somebody else wrote to the terminal goes."""
        self._shown.forget()
        self.refresh()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, self._shown.lean(renderable))

    # --- the command palette ----------------------------------------------------------------------------

    async def action_command_palette(self) -> None:  # type: ignore[override]
        from textual.command import CommandPalette

        if not CommandPalette.is_open(cast("App[object]", self)):
            await self.open_dialog(CommandPalette(id="--command-palette"))

    def on_command_palette_opened(self) -> None:
        """Its cursor does not blink: nothing is sent while nothing happens."""
        from textual.widgets import Input

        self.screen.query_one(Input).cursor_blink = False

    # --- being noticed ----------------------------------------------------------------------------------

    @cached_property
    def settings(self) -> Settings:
        """What the user chose; with a mistake in the file, which was told at the start, the defaults."""
        from runner.profile import settings

        try:
            return settings.load()
        except UserError:
            return settings.Settings()

    def show_title(self, text: str) -> None:
        """Show this in the title of the window, at most once a second."""
        if text == self._title or time.monotonic() - self._titled < TITLE_EVERY_S or not self.settings.title:
            return
        from tui.framework import terminal_notify

        if terminal_notify.understands(os.environ):
            keep = "" if self._title else terminal_notify.KEEP_TITLE
            self._title, self._titled = text, time.monotonic()
            self._send(keep + terminal_notify.title(text))

    def announce(self, profile: str, status: Status, seconds: float) -> None:
        """Tell somebody who may look elsewhere that a run has ended."""
        chosen = self.settings.notify
        if seconds >= chosen.after:
            from tui.framework import terminal_notify

            said = terminal_notify.said_of(profile, status, seconds)
            self._send(terminal_notify.notification(said, chosen.by, os.environ))

    def _send(self, sequence: str) -> None:
        """Send to the terminal, where there is one: a page has no bell and no title of ours."""
        if self._driver is not None and not self.is_headless and not self.is_web:
            self._driver.write(sequence)

    def restored_title(self) -> str:
        """What gives the window its former title back, if it has one of ours."""
        from tui.framework import terminal_notify

        return terminal_notify.RESTORE_TITLE if self._title else ""

    # --- going somewhere; every screen uses these -----------------------------------------------------

    def open_home(self) -> None:
        self._open(HomePlace())

    def open_home_with(self, run_dir: Path) -> None:
        """The profiles, with the one of a run to be changed and run again."""
        from runner.profile.file import load_text, read_text
        from runner.run import layout
        from tui.screens.home.form import drafts_of, take_variant

        path = run_dir / layout.PROFILE
        try:
            take_variant(drafts_of(self), load_text(read_text(path), str(path)))
        except UserError as error:
            self.notify_error(error)
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

    def open_sweep(self, directory: Path) -> None:
        self._open(SweepPlace(directory))

    async def open_dialog(
        self, dialog: Screen[Answer], answered: Callable[[Answer | None], None] | None = None
    ) -> None:
        """Lay a dialog over the screen, with the focus in it: the next key that is looked at goes there."""
        await self.push_screen(dialog, answered)
        if dialog.focused is None and dialog.focus_chain:
            dialog.set_focus(dialog.focus_chain[0])

    async def open_help(self, screen_name: str) -> None:
        from tui.screens.dialogs.help import HelpScreen

        await self.open_dialog(HelpScreen(screen_name))

    def back(self) -> None:
        """Where the user came from; the list of runs at the end of the way."""
        place = self._way_back.pop() if self._way_back else RunsPlace()
        if place != self.place:
            self._show(place)

    def notify_error(self, error: UserError) -> None:
        self.notify(str(error), severity="error", timeout=10, markup=False)

    def action_help_quit(self) -> None:
        """Ctrl+C means what `q` means on the screen that is shown."""
        self.call_next(self.screen.run_action, "quit")

    def leave(self, code: int = 0, message: str = "") -> None:
        """End the dashboard; `message` is printed once the terminal is back."""
        self.farewell = message
        self.exit(code)

    def _open(self, place: Place) -> None:
        if place == self.place:
            return
        self._way_back = [*self._way_back, self.place][-MAX_BACK:]
        self._show(place)

    def _show(self, place: Place) -> None:
        # One mode a place: unlike a screen that is switched, a mode goes with every dialog that lies over it.
        if self._title and not isinstance(place, LivePlace):
            self._titled = 0.0  # a title of now, not of a run that is not shown
            self.show_title(self.TITLE)
        left = self.current_mode
        self.place = place
        self._visits += 1
        entered = f"visit {self._visits}"
        self.add_mode(entered, lambda: self._sized(screen_of(place)))
        self.switch_mode(entered)
        self.remove_mode(left)

    def _sized(self, screen: Screen[Any]) -> Screen[Any]:
        """A screen with the classes of the terminal's size; Textual gives them only after a first layout."""
        for limits, size in ((WIDTHS, self.size.width), (HEIGHTS, self.size.height)):
            screen.add_class([name for least, name in limits if size >= least][-1])
        return screen


def _collect_garbage() -> None:
    """From now on; what was loaded until here stays, so nobody needs to look at it again."""
    gc.freeze()
    gc.enable()


def run_app(start: Place) -> int:
    """Show the dashboard until the user leaves it.

    Returns:
        The exit code of the command.
    """
    app = TrtbenchApp(start)
    lifecycle.end_on_signals(app.leave)
    code = app.run()
    if title := app.restored_title():
        with suppress(OSError):
            print(title, end="", file=sys.stderr, flush=True)
    if app.farewell:
        print(app.farewell, file=sys.stderr)
    return code if code is not None else app.return_code or 0
