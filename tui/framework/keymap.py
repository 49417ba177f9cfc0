"""What a key is, and the keys that several screens have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

When = Literal["always", "running", "ended", "editing", "filtering", "filtered", "welcome"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a screen."""

    keys: str
    """Textual's names of the keys, separated by commas"""
    action: str
    label: str
    """a few words for the footer; empty: only in the help"""
    help: str
    shown: str = ""
    """how the key is written; empty: as `keys`"""
    when: When = "always"
    """the state of the screen in which the key means this"""
    command: str = ""
    """how the palette calls it, `area: words`; empty: `view: ` and the label"""
    minor: bool = False
    """leaves the footer first when not all keys fit"""

    @property
    def name(self) -> str:
        return self.shown or self.keys.split(",")[0]

    @property
    def in_palette(self) -> str:
        """What the palette calls it; empty: moving about is not in it."""
        return self.command or (f"view: {self.label}" if self.label else "")


HELP = Key(
    "question_mark",
    "help",
    "help",
    "this page: keys, words, metrics",
    shown="?",
    command="help: explain",
)
QUIT = Key("q", "quit", "quit", "leave; runs that are under way go on", command="go: leave")
HOME = Key("h", "home", "home", "profiles: choose, change and run one", command="go: profiles")
RUNS = Key("r", "runs", "runs", "the list of all runs", command="go: runs")
BACK = Key("escape", "back", "", "back to where you came from", shown="esc", command="go: back")
AGAIN = Key(
    "a",
    "again",
    "again",
    "run it again with changes: its profile on the first screen",
    command="run: again with",
)
FILTER = Key("slash", "filter", "filter", "", shown="/", command="view: filter")

EVERYWHERE = (
    Key(
        "ctrl+p",
        "app.command_palette",
        "commands",
        "all that can be done now, by name",
        command="help: all commands",
        minor=True,
    ),
    Key("ctrl+t", "app.next_theme", "", "other colours: dark, light, high contrast, monochrome"),
    Key(
        "ctrl+l",
        "app.repaint",
        "",
        "draw everything again, when something else has written to the terminal",
        command="view: draw again",
    ),
)
"""keys of the dashboard, on every screen"""


def bindings(keys: Sequence[Key]) -> list[BindingType]:
    """What a screen class with these keys puts into BINDINGS."""
    unique = {key.keys: Binding(key.keys, key.action, key.help, show=False) for key in keys}
    return list(unique.values())


def valid_keys(keys: Sequence[Key], *states: When) -> list[Key]:
    """Those of the keys of a screen that mean something in these states."""
    return [key for key in keys if key.when in ("always", *states)]
