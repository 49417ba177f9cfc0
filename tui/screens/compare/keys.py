"""The keys of the comparison screen."""

from __future__ import annotations

from tui.framework.keymap import BACK, HOME, QUIT, RUNS, Key

KEYS = (
    Key("up,k", "move(-1)", "", "the change above", shown="↑ k"),
    Key("down,j", "move(1)", "", "the change below", shown="↓ j"),
    Key("left", "side(-1)", "", "select the previous side", shown="←"),
    Key("right", "side(1)", "", "select the next side", shown="→"),
    Key("enter", "open", "open", "the result of the selected side", command="go: its result"),
    Key(
        "question_mark",
        "explain",
        "explain",
        "explain the selected number and its verdict, and the keys",
        shown="?",
        command="help: the selected change",
    ),
    Key("d", "differences", "differences", "all differences in full"),
    Key(
        "s",
        "swap",
        "swap",
        "make the selected side the first, which the others are compared with",
        command="view: swap the sides",
    ),
    Key(
        "y",
        "copy",
        "copy",
        "copy the comparison as Markdown to the clipboard of your terminal",
        command="run: copy the comparison",
    ),
    BACK,
    RUNS,
    HOME,
    QUIT,
)
