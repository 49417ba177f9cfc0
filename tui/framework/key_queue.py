"""Keys one by one: the next is looked at when what the one before it does is done.

Textual hands every key that has come to the widget that has the focus then, and learns later what the first
of them does. With keys typed faster than a busy dashboard answers, a dialog would open after the keys that
were meant for it had gone elsewhere.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from textual import events
from textual.app import App
from textual.message import Message

PATIENCE_S = 0.25
"""After this time nothing more is heard of a key: its widget went away with it."""


class TypedKeys(App[int]):
    """Lets a key wait while the one before it is on its way through the widgets."""

    @dataclass
    class Passed(Message):
        """Runs behind a key: where this has come, the key was before."""

        key: events.Key

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Key] = deque()
        self._under_way: events.Key | None = None

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key):
            await super().on_event(event)
        elif event.is_forwarded:  # no widget wanted it: it came up to here for the bindings
            await super().on_event(event)
            await self._has_passed(event)
        else:
            self._waiting.append(event)
            if (ahead := self._under_way) is not None:
                self.set_timer(PATIENCE_S, lambda: self._has_passed(ahead))
            await self._look_at_next()

    async def on_typed_keys_passed(self, message: Passed) -> None:
        await self._has_passed(message.key)

    async def _has_passed(self, key: events.Key) -> None:
        if self._under_way is key:
            self._under_way = None
            await self._look_at_next()

    async def _look_at_next(self) -> None:
        while self._waiting and self._under_way is None:
            key = self._under_way = self._waiting.popleft()
            widget = self.focused or self.screen
            await super().on_event(key)
            if not key.is_forwarded or not widget.post_message(self.Passed(key).set_sender(widget)):
                self._under_way = None
