"""The keys of the comparison screen."""

from __future__ import annotations

from tui.framework.keymap import BACK, HOME, MOVEMENT, QUIT, RUNS, Key

KEYS = (
    *MOVEMENT,
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
    Key("d", "details", "differences", "all differences in full"),
    Key(
        "b",
        "baseline",
        "baseline",
        "make the selected side the first, which the others are compared with",
        command="view: compare with this side",
    ),
    Key(
        "C",
        "copy",
        "copy",
        "copy the comparison as Markdown to the clipboard of your terminal",
        command="run: copy the comparison",
    ),
    Key(
        "o",
        "report",
        "report",
        "write the comparison as an HTML page with charts, and open it if there is a desktop",
        command="run: HTML report",
    ),
    BACK,
    RUNS,
    HOME,
    QUIT,
)
