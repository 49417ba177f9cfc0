"""The definition of a key, and the keys that several screens share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

KeyState = Literal["always", "running", "ended", "editing", "filtering", "filtered", "welcome"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a screen."""

    keys: str
    """Textual's names of the keys, comma-separated"""
    action: str
    label: str
    """label in the footer; empty: the key is only in the help"""
    help: str
    shown: str = ""
    """displayed name of the key; empty: the first of `keys`"""
    when: KeyState = "always"
    """the state of the screen in which the key has this meaning"""
    command: str = ""
    """name in the palette, `area: command`; empty: `view: ` and the label"""
    minor: bool = False
    """dropped from the footer first when not all keys fit"""

    @property
    def name(self) -> str:
        return self.shown or self.keys.split(",")[0]

    @property
    def palette_name(self) -> str:
        """The name in the palette; empty: not in the palette."""
        return self.command or (f"view: {self.label}" if self.label else "")


HELP = Key(
    "question_mark",
    "help",
    "help",
    "show this page: keys, terms, metrics",
    shown="?",
    command="help: explain",
)
QUIT = Key("q", "quit", "quit", "leave the dashboard; active runs continue", command="go: leave")
HOME = Key("h", "home", "home", "profiles: choose, edit and run one", command="go: profiles")
RUNS = Key("r", "runs", "runs", "list of all runs", command="go: runs")
BACK = Key("escape", "back", "", "go back to the previous screen", shown="esc", command="go: back")
AGAIN = Key(
    "a",
    "again",
    "again",
    "edit and run its profile again, on the home screen",
    command="run: again with",
)
FILTER = Key("slash", "filter", "filter", "", shown="/", command="view: filter")

GLOBAL_KEYS = (
    Key(
        "ctrl+p",
        "app.command_palette",
        "commands",
        "search all commands that are valid now",
        command="help: all commands",
        minor=True,
    ),
    Key("ctrl+t", "app.next_theme", "", "next theme: dark, light, high-contrast, monochrome"),
    Key(
        "ctrl+l",
        "app.repaint",
        "",
        "redraw the screen, if another program has written to the terminal",
        command="view: redraw",
    ),
)
"""keys of every screen"""


def bindings(keys: Sequence[Key]) -> list[BindingType]:
    """Return the BINDINGS of a screen class with these keys."""
    unique = {key.keys: Binding(key.keys, key.action, key.help, show=False) for key in keys}
    return list(unique.values())


def valid_keys(keys: Sequence[Key], *states: KeyState) -> list[Key]:
    """Return the keys that are valid in these states."""
    return [key for key in keys if key.when in ("always", *states)]
