"""The keys of a comparison."""

from __future__ import annotations

from tui.framework.keymap import BACK, HOME, QUIT, RUNS, Key

KEYS = (
    Key("up,k", "move(-1)", "", "the change above", shown="↑ k"),
    Key("down,j", "move(1)", "", "the change below", shown="↓ j"),
    Key("left", "side(-1)", "", "look at the side before", shown="←"),
    Key("right", "side(1)", "", "look at the side behind", shown="→"),
    Key("enter", "open", "open", "the result of the side that is looked at", command="go: its result"),
    Key(
        "question_mark",
        "explain",
        "explain",
        "what the chosen number and its verdict mean, and the keys",
        shown="?",
        command="help: the chosen change",
    ),
    Key("d", "differences", "differences", "everything that differs, whole"),
    Key(
        "s",
        "swap",
        "swap",
        "make the side that is looked at the first, which the others are compared with",
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
