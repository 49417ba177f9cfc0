"""What every screen of the dashboard has: the line of the keys that mean something now, and the ways out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.actions import parse
from textual.screen import Screen

from tui.framework.footer import Footer, footer_places, footer_row
from tui.framework.keymap import EVERYWHERE, Key, When, valid_keys
from tui.framework.rows import Panel, Row

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

OPENING_S = 0.5
"""How long a screen that was opened draws whatever is ready at once."""


class KeyFooter(Panel[Footer]):
    """The keys that mean something now; a click on one does what the key does."""

    def __init__(self) -> None:
        super().__init__(_draw, id="footer")

    async def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self.data is None:
            return
        for key, start, end in footer_places(self.data.keys, self.size.width, self.data.note):
            if start <= offset.x < end:
                event.stop()
                await self.screen.run_action(key.action)


def _draw(footer: Footer, width: int, height: int) -> list[Row]:
    return [footer_row(footer.keys, width, footer.note)]


class KeyedScreen(Screen[None]):
    """A screen with a table of keys; footer, help and palette ask it which of them are valid."""

    app: TrtbenchApp
    screen_name: ClassVar[str]
    """of its folder in `tui.screens`"""
    own_keys: ClassVar[tuple[Key, ...]]
    """`KEYS` of its folder"""
    _opened_at: float | None = None

    def on_idle(self) -> None:
        """While it opens, do not wait for the next tick of Textual's timer, which comes 20 times a second."""
        now = time.monotonic()
        if self._opened_at is None:
            self._opened_at = now
        if now - self._opened_at < OPENING_S:
            self._on_timer_update()

    def states(self) -> tuple[When, ...]:
        """The states of the screen that decide about keys."""
        return ()

    def keys_now(self) -> list[Key]:
        """The keys that do something now."""
        keys = [*valid_keys(self.own_keys, *self.states()), *EVERYWHERE]
        return [key for key in keys if self.can(key)]

    def footer_keys(self) -> list[Key]:
        """Those of them that the footer shows, as far as there is room."""
        return self.keys_now()

    def show_keys(self, note: str = "") -> None:
        """Bring the last line up to date."""
        self.query_one(KeyFooter).update(Footer(tuple(self.footer_keys()), note))

    def can(self, key: Key) -> bool:
        """Whether the key does anything now."""
        namespace, action, parameters = parse(key.action)
        return bool(namespace) or bool(self.check_action(action, parameters))

    # --- keys that nearly every screen has --------------------------------------------------------------

    def action_home(self) -> None:
        self.app.open_home()

    def action_runs(self) -> None:
        self.app.open_runs()

    def action_back(self) -> None:
        self.app.back()

    def action_quit(self) -> None:
        self.app.leave()

    async def action_help(self) -> None:
        await self.app.open_help(self.screen_name)
