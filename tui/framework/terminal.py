"""The app's access to the terminal: what Textual draws, escape sequences, and NO_COLOR."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import RenderableType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import WorkerFailed

from runner.util.foreign_text import terminal_lines
from tui.framework.cell_diff import TerminalBuffer
from tui.framework.key_queue import KeyQueue
from tui.framework.stylesheet import SharedStylesheet


@contextmanager
def _without_no_color() -> Iterator[None]:
    """Hide NO_COLOR from Textual.

    Textual turns colours into greys for NO_COLOR and removes the variable from the environment of child
    processes. The theme `monochrome` uses no colours, and the variable stays.
    """
    value = os.environ.pop("NO_COLOR", None)
    try:
        yield
    finally:
        if value is not None:
            os.environ["NO_COLOR"] = value


class TerminalApp(KeyQueue):
    """An app that writes only changed cells, and can send escape sequences to its terminal."""

    _css_variables: tuple[Theme, dict[str, str]] | None = None
    """the variables of the present theme"""

    def __init__(self) -> None:
        with _without_no_color():
            super().__init__()
        self.stylesheet: SharedStylesheet = SharedStylesheet(variables=self.stylesheet._variables)
        self._terminal = TerminalBuffer()

    def get_css_variables(self) -> dict[str, str]:
        """Return the variables of the theme; Textual computes them for each refresh of the styles."""
        theme = self.current_theme
        if self._css_variables is None or self._css_variables[0] is not theme:
            self._css_variables = theme, super().get_css_variables()
        return self._css_variables[1]

    def get_theme(self, theme_name: str) -> Theme | None:
        """Return a theme; Textual looks it up for each line and copies the table of all themes twice."""
        return self._registered_themes.get(theme_name) or super().get_theme(theme_name)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, self._terminal.diff(renderable))

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notification; it is never markup, because it may name something that others chose."""
        super().notify(terminal_lines(message), title=title, severity=severity, timeout=timeout, markup=False)

    @property
    def crash(self) -> BaseException | None:
        """The unexpected error that ended the app."""
        error = self._exception
        return error.error if isinstance(error, WorkerFailed) else error

    def _handle_exception(self, error: Exception) -> None:
        """End the app; the caller of `run` reports the error.

        Textual would draw a traceback with the values of all variables.
        """
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def end_with_error(self, error: BaseException) -> None:
        """End the app because of an error in a thread; called in that thread."""
        if self._loop is not None and isinstance(error, Exception):
            self._loop.call_soon_threadsafe(self._handle_exception, error)

    def action_repaint(self) -> None:
        """Draw the whole screen again, over what another program has written to the terminal."""
        self._terminal.invalidate()
        self.refresh()

    def send_to_terminal(self, sequence: str) -> None:
        """Write an escape sequence to the terminal; do nothing in a browser or in a headless test."""
        if self._driver is not None and not self.is_headless and not self.is_web:
            self._driver.write(sequence)

    def fill_page(self, colour: str) -> None:
        """Set the colour of a page in a browser around its rows and columns; do nothing in a terminal.

        The page is rarely a multiple of a row high. `colour`: `#rrggbb`; empty: the default of the page.
        """
        if self._driver is not None and self.is_web:
            self._driver.write(f"\x1b]11;{colour}\x1b\\" if colour else "\x1b]111\x1b\\")
