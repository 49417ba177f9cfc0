"""The screens: each is a folder, and an entry in this table.

A folder has `screen.py` with `open_screen(place)`, `keys.py` with `KEYS` and `help.py` with `HELP`. Modules
are imported on first use: a start loads only the screen that it shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from runner.cli.places import (
    ComparePlace,
    DashboardPlace,
    FleetPlace,
    HomePlace,
    LivePlace,
    ResultPlace,
    RunsPlace,
    SweepPlace,
    TunePlace,
)

if TYPE_CHECKING:
    from tui.framework.keymap import Key
    from tui.framework.screen import KeyedScreen
    from tui.framework.screen_help import ScreenHelp

SCREENS: dict[str, type[DashboardPlace]] = {
    "home": HomePlace,
    "runs": RunsPlace,
    "live": LivePlace,
    "result": ResultPlace,
    "compare": ComparePlace,
    "sweep": SweepPlace,
    "tune": TunePlace,
    "fleet": FleetPlace,
}
"""folder -> type of the places that it shows"""


def create_screen(place: DashboardPlace) -> KeyedScreen:
    """Create a screen that shows a place."""
    folder = next(name for name, kind in SCREENS.items() if isinstance(place, kind))
    screen: KeyedScreen = import_module(f"tui.screens.{folder}.screen").open_screen(place)
    return screen


def keys_of(name: str) -> tuple[Key, ...]:
    """Return the keys of a screen."""
    keys: tuple[Key, ...] = import_module(f"tui.screens.{name}.keys").KEYS
    return keys


def help_of(name: str) -> ScreenHelp:
    """Return the help of a screen."""
    page: ScreenHelp = import_module(f"tui.screens.{name}.help").HELP
    return page
