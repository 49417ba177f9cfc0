"""The command palette: the commands that are valid now, made from the table of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen

from runner.util.themes import THEME_NAMES
from tui.framework.keymap import Key
from tui.framework.screen import KeyedScreen

if TYPE_CHECKING:
    from tui.app import TrtbenchApp


@dataclass(frozen=True, slots=True)
class PaletteCommand:
    """A line of the palette."""

    name: str
    """`area: command`"""
    help: str
    run: Callable[[], Any]


def palette_commands(screen: Screen[Any]) -> list[PaletteCommand]:
    """Return the commands that are valid on a screen; in a dialog, only the themes."""
    app = cast("TrtbenchApp", screen.app)
    found = list(_key_commands(screen)) if isinstance(screen, KeyedScreen) else []
    found += [
        PaletteCommand(
            f"theme: {name}", "use this theme now and in later starts", partial(app.choose_theme, name)
        )
        for name in THEME_NAMES
        if name != app.theme
    ]
    return sorted(found, key=lambda command: _AREAS.index(command.name.partition(":")[0]))


_AREAS = ("run", "edit", "view", "go", "theme", "help")


def _key_commands(screen: KeyedScreen) -> Iterator[PaletteCommand]:
    for key in screen.active_keys():
        if key.palette_name and key.action != "app.command_palette":
            yield PaletteCommand(key.palette_name, f"{key.help} ({key.name})", partial(_run_key, screen, key))


async def _run_key(screen: KeyedScreen, key: Key) -> None:
    await screen.run_action(key.action)


class PaletteProvider(Provider):
    """Offers the commands of the screen below the palette."""

    async def startup(self) -> None:
        self._commands = palette_commands(self.screen)

    async def discover(self) -> Hits:
        for command in self._commands:
            yield DiscoveryHit(command.name, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands:
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(command.name),
                    command.run,
                    help=command.help,
                )
