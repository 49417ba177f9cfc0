"""Handle keys one at a time: the next key waits until the previous one is handled.

Textual sends every key to the widget that has the focus when the key arrives, before the effect of earlier
keys is known. When a user types faster than a busy dashboard answers, a dialog would open after its keys had
gone to another widget. For the same reason keys wait for a screen that is still opening.
"""

from __future__ import annotations

from collections import deque

from textual import events
from textual.app import App
from textual.message import Message

from tui.framework.keymap import QUIT
from tui.framework.screen import KeyedScreen

INTERRUPT = "ctrl+c"
KEY_TIMEOUT_S = 0.25
"""After this time a key counts as handled: its widget was removed with it."""


class KeyQueue(App[int]):
    """Keeps a key back while the one before it passes through the widgets."""

    class KeyPassed(Message):
        """Follows a key through the queues of the widgets; arrives where the key has been."""

        def __init__(self, key: events.Key) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__()
        self._queued: deque[events.Key] = deque()
        self._current_key: events.Key | None = None

    @property
    def has_pending_keys(self) -> bool:
        """Whether a key is queued or being handled."""
        return bool(self._queued) or self._current_key is not None

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key):
            await super().on_event(event)
        elif event.is_forwarded:  # no widget used it: it comes back to the app for its bindings
            await super().on_event(event)
            await self._finish_key(event)
        else:
            if event.key == INTERRUPT:
                self._queued.clear()  # it ends the dashboard, whatever the earlier keys wait for
            self._queued.append(event)
            if (current := self._current_key) is not None:
                self.set_timer(KEY_TIMEOUT_S, lambda: self._finish_key(current))
            await self._handle_next_key()

    async def on_key_queue_key_passed(self, message: KeyPassed) -> None:
        await self._finish_key(message.key)

    async def resume_keys(self) -> None:
        """Handle the keys that waited for the screen to open."""
        await self._handle_next_key()

    async def _finish_key(self, key: events.Key) -> None:
        if self._current_key is key:
            self._current_key = None
            await self._handle_next_key()

    async def _handle_next_key(self) -> None:
        while self._queued and self._current_key is None and self._accepts(self._queued[0]):
            key = self._current_key = self._queued.popleft()
            widget = self.focused or self.screen
            await super().on_event(key)
            if not key.is_forwarded or not widget.post_message(self.KeyPassed(key).set_sender(widget)):
                self._current_key = None

    def _accepts(self, key: events.Key) -> bool:
        screen = self.screen
        return not (isinstance(screen, KeyedScreen) and screen.opening) or key.key in (INTERRUPT, QUIT.keys)
