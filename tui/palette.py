"""The command palette: what can be done now, by name; made from the table of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen

from tui.framework.keymap import Key
from tui.framework.screen import KeyedScreen
from tui.text import shown
from tui.theme import NAMES

if TYPE_CHECKING:
    from tui.app import TrtbenchApp


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the palette."""

    name: str
    """`area: words`"""
    help: str
    do: Callable[[], Any]


def commands(screen: Screen[Any]) -> list[Command]:
    """What can be done on a screen now; in a dialog, which waits for its answer, only the colours change."""
    app = cast("TrtbenchApp", screen.app)
    found = list(_of_keys(screen)) if isinstance(screen, KeyedScreen) else []
    found += [
        Command(f"theme: {name}", "draw in these colours, also next time", partial(app.choose_theme, name))
        for name in NAMES
        if name != app.theme
    ]
    return sorted(found, key=lambda command: _AREAS.index(command.name.partition(":")[0]))


_AREAS = ("run", "edit", "view", "go", "theme", "help")


def _of_keys(screen: KeyedScreen) -> Iterator[Command]:
    for key in screen.keys_now():
        if key.in_palette and key.action != "app.command_palette":
            yield Command(key.in_palette, f"{key.help} ({key.name})", partial(_do, screen, key))


async def _do(screen: KeyedScreen, key: Key) -> None:
    await screen.run_action(key.action)


class Commands(Provider):
    """Offers the commands of the screen that the palette was opened on."""

    async def startup(self) -> None:
        self._commands = commands(self.screen)

    async def discover(self) -> Hits:
        for command in self._commands:
            yield DiscoveryHit(shown(command.name), command.do, help=shown(command.help))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands:
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(score, matcher.highlight(shown(command.name)), command.do, help=shown(command.help))
