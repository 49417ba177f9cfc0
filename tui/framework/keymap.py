"""The definition of a key, and the keys that several screens share.

A key has one meaning on all screens; `tests/tui/test_key_meanings.py` has the table. Browsers keep some keys
for themselves (`BROWSER_KEYS`), so an action on one of them has a second key for the web view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from textual.binding import Binding, BindingType

KeyState = Literal[
    "always",
    "running",
    "ended",
    "editing",
    "filtering",
    "filtered",
    "welcome",
    "listing",
    "joining",
    "sweeping",
    "filling",
    "folded",
    "unfolded",
    "inside",
    "searching",
    "searched",
    "nodes",
]
"""When a key is valid; those from `folded` on are of the home screen: what is under the cursor, and in which
pane; `nodes` is of the live screen."""


class Key(msgspec.Struct, frozen=True):
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
HOSTS = Key("H", "hosts", "", "other machines and their runs", command="go: other machines")
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
START_KEYS = "f5,ctrl+enter,R"
"""Start a run or a sweep; few terminals tell ctrl+enter from enter, and browsers keep F5."""

MOVEMENT = (
    Key("up,k", "move(-1)", "", "a row up", shown="↑ k"),
    Key("down,j", "move(1)", "", "a row down", shown="↓ j"),
    Key("pageup", "page(-1)", "", "a page up", shown="page up"),
    Key("pagedown", "page(1)", "", "a page down", shown="page down"),
    Key("ctrl+u", "page(-0.5)", "", "half a page up"),
    Key("ctrl+d", "page(0.5)", "", "half a page down"),
    Key("g,home", "top", "", "to the top", shown="g home"),
    Key("G,end", "bottom", "", "to the bottom", shown="G end"),
)
"""keys that move through rows; `RowMovement` has their actions"""

GLOBAL_KEYS = (
    Key(
        "ctrl+p,colon",
        "app.command_palette",
        "go to",
        "go to a run, a profile or a command by its name (also `:`)",
        command="help: all commands",
        minor=True,
    ),
    Key(
        "T,ctrl+t",
        "app.next_theme",
        "",
        "next theme: dark, light, high-contrast, monochrome",
        shown="T ctrl+t",
    ),
    Key(
        "ctrl+l",
        "app.repaint",
        "",
        "redraw the screen, if another program has written to the terminal",
        command="view: redraw",
    ),
)
"""keys of every screen"""

BROWSER_KEYS = frozenset(
    ("ctrl+w", "ctrl+t", "ctrl+n", "ctrl+r", "ctrl+tab", "ctrl+shift+tab", "f5", "f11", "f12")
)
"""keys that browsers handle before the page: they close, open or reload it"""


def bindings(keys: Sequence[Key]) -> list[BindingType]:
    """Return the BINDINGS of a screen class with these keys."""
    unique = {key.keys: Binding(key.keys, key.action, key.help, show=False) for key in keys}
    return list(unique.values())


def key_bindings(keys: Sequence[Key]) -> list[BindingType]:
    """Return the bindings of the whole app; an input line gets printable keys before they do."""
    return [
        Binding(name, key.action, key.help, show=False, priority="+" in name)
        for key in keys
        for name in key.keys.split(",")
    ]


class RowMovement:
    """The actions of `MOVEMENT`, for everything with rows: screens, dialogs, lists."""

    def move_rows(self, by: int) -> None:
        """Move the cursor, or scroll, by rows; beyond the first and the last row it stops there."""

    def rows_of_page(self) -> int:
        """Return the number of rows that a page moves by."""
        return 10

    def action_move(self, by: int) -> None:
        self.move_rows(by)

    def action_page(self, pages: float) -> None:
        rows = max(1, round(abs(pages) * self.rows_of_page()))
        self.move_rows(rows if pages > 0 else -rows)

    def action_top(self) -> None:
        self.move_rows(-_FAR)

    def action_bottom(self) -> None:
        self.move_rows(_FAR)


_FAR = 1_000_000_000


def valid_keys(keys: Sequence[Key], *states: KeyState) -> list[Key]:
    """Return the keys that are valid in these states."""
    return [key for key in keys if key.when in ("always", *states)]
