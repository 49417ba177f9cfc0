"""The base of every screen: the footer with the valid keys, and the common actions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.actions import parse
from textual.screen import Screen

from tui.framework.compositor import LeanCompositor
from tui.framework.footer import FooterLine, footer_row, place_footer_keys
from tui.framework.keymap import GLOBAL_KEYS, Key, KeyState, RowMovement, valid_keys
from tui.framework.rows import Panel, Row

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

OPENING_S = 0.5
"""How long a new screen draws without waiting for Textual's timer."""


class KeyFooter(Panel[FooterLine]):
    """Shows the keys that are valid now; a click on one runs its action."""

    _is_covered = False

    def __init__(self) -> None:
        super().__init__(self._draw_footer, id="footer")

    def _draw_footer(self, footer: FooterLine, width: int, height: int) -> list[Row]:
        return [footer_row(() if self._is_covered else footer.keys, width, footer.note)]

    def cover(self, *, covered: bool) -> None:
        """Show no keys while a dialog has them: those of the screen below it would not work."""
        if covered != self._is_covered:
            self._is_covered = covered
            self._redraw()

    async def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self.data is None:
            return
        for key, start, end in place_footer_keys(self.data.keys, self.size.width, self.data.note):
            if start <= offset.x < end:
                event.stop()
                await self.screen.run_action(key.action)


class KeyedScreen(RowMovement, Screen[None]):
    """A screen with a table of keys; footer, help and palette use it."""

    app: TrtbenchApp
    screen_name: ClassVar[str]
    """name of its folder in `tui.screens`"""
    own_keys: ClassVar[tuple[Key, ...]]
    """`KEYS` of its folder"""
    tiny_below: ClassVar[int] = 12
    """rows of the terminal below which the screen shows only what matters most, by the class `-tiny`"""
    opening = False
    """whether the screen cannot handle its keys yet; those typed meanwhile wait, except to quit"""
    _opened_at: float | None = None
    _was_shown = False

    def __init__(self) -> None:
        super().__init__()
        self._compositor = LeanCompositor()

    def on_idle(self) -> None:
        """While the screen opens, draw without waiting for Textual's timer, which ticks 20 times a second."""
        now = time.monotonic()
        if self._opened_at is None:
            self._opened_at = now
        laid_out_for = self._compositor.size
        # After a resize, what is drawn before the next layout has the width of the terminal before.
        if now - self._opened_at < OPENING_S and (not laid_out_for or laid_out_for == self.app.size):
            self._on_timer_update()

    def on_resize(self) -> None:
        self.set_class(self.app.size.height < self.tiny_below, "-tiny")

    def key_states(self) -> tuple[KeyState, ...]:
        """Return the states of the screen that select the valid keys."""
        return ()

    def active_keys(self) -> list[Key]:
        """Return the keys that are valid now."""
        keys = [*valid_keys(self.own_keys, *self.key_states()), *GLOBAL_KEYS]
        return [key for key in keys if self.is_key_enabled(key)]

    def footer_keys(self) -> list[Key]:
        """Return the active keys that the footer may show."""
        return self.active_keys()

    def show_keys(self, note: str = "") -> None:
        """Update the footer."""
        self.query_one(KeyFooter).update(FooterLine(tuple(self.footer_keys()), note))

    def on_screen_suspend(self) -> None:
        for footer in self.query(KeyFooter):
            footer.cover(covered=True)

    def _compositor_refresh(self) -> None:
        """Draw what has changed, but not in a batch: Textual would draw a frame and then not write it."""
        if not self.app._batch_count:
            super()._compositor_refresh()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if not self._was_shown:
            # Everything has got its styles when it was mounted, just before; Textual applies them once more.
            self._was_shown = True
            event.refresh_styles = False
        for footer in self.query(KeyFooter):
            footer.cover(covered=False)

    def is_key_enabled(self, key: Key) -> bool:
        """Check whether the action of a key is enabled now."""
        namespace, action, parameters = parse(key.action)
        return bool(namespace) or bool(self.check_action(action, parameters))

    def may_leave(self) -> bool:
        """Check whether another screen may be shown; a screen with an invalid input refuses."""
        return True

    # --- actions of nearly every screen -----------------------------------------------------------------

    def action_home(self) -> None:
        self.app.open_home()

    def action_runs(self) -> None:
        self.app.open_runs()

    def action_hosts(self) -> None:
        self.app.open_fleet()

    def action_back(self) -> None:
        self.app.back()

    def action_quit(self) -> None:
        self.app.leave()

    async def action_help(self) -> None:
        await self.app.open_help(self.screen_name)
