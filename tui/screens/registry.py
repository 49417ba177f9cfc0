"""The keys of all screens, for the help. A screen itself loads only its own."""

from __future__ import annotations

from typing import Literal

from tui.keys import board, compare, home, live, result, runs
from tui.keys.key import Key

ScreenName = Literal["home", "runs", "live", "result", "compare", "board"]

KEYS: dict[ScreenName, tuple[Key, ...]] = {
    "home": home.KEYS,
    "runs": runs.KEYS,
    "live": live.KEYS,
    "result": result.KEYS,
    "compare": compare.KEYS,
    "board": board.KEYS,
}
