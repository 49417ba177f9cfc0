"""Type faster than the dashboard: all keys arrive before the first one is handled."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from tui.framework.key_queue import KeyQueue


async def press_at_once(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys (named as for `Pilot.press`) like a paste, and wait until they are handled."""
    driver = pilot.app._driver
    assert driver is not None
    for key in keys:
        character = key if len(key) == 1 else None
        name = _character_to_key(key) if character and not key.isalnum() else key
        driver.send_message(events.Key(name, character))
    for _ in range(3):  # to the widget, up to the screen, and messages posted on the way
        await pilot.pause()
    while isinstance(pilot.app, KeyQueue) and pilot.app.has_pending_keys:
        await pilot.pause()
