"""The screens: a folder each, and one line here.

The folder has `screen.py` with `open_screen(place)`, `keys.py` with `KEYS` and `help.py` with `HELP`. Each is
imported when it is first needed: a start loads the one screen that it shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runner.cli.places import ComparePlace, HomePlace, LivePlace, Place, ResultPlace, RunsPlace, SweepPlace

if TYPE_CHECKING:
    from textual.screen import Screen

    from tui.framework.keymap import Key
    from tui.framework.screen_help import ScreenHelp

SCREENS: dict[str, type[Place]] = {
    "home": HomePlace,
    "runs": RunsPlace,
    "live": LivePlace,
    "result": ResultPlace,
    "compare": ComparePlace,
    "sweep": SweepPlace,
}
"""folder -> the place that it shows"""


def screen_of(place: Place) -> Screen[Any]:
    """A new screen that shows a place."""
    folder = next(name for name, kind in SCREENS.items() if isinstance(place, kind))
    screen: Screen[Any] = import_module(f"tui.screens.{folder}.screen").open_screen(place)
    return screen


def keys_of(name: str) -> tuple[Key, ...]:
    """The keys of a screen."""
    keys: tuple[Key, ...] = import_module(f"tui.screens.{name}.keys").KEYS
    return keys


def help_of(name: str) -> ScreenHelp:
    """What the help says about a screen."""
    page: ScreenHelp = import_module(f"tui.screens.{name}.help").HELP
    return page
