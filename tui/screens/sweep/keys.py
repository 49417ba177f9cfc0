"""The keys of the board of a sweep."""

from __future__ import annotations

from tui.framework.keymap import BACK, HELP, HOME, RUNS, Key

KEYS = (
    Key("q", "quit", "leave it running", "leave; the sweep goes on", when="running", command="go: leave"),
    Key("q", "quit", "quit", "leave", when="ended", command="go: leave"),
    Key("enter", "open", "open run", "the newest run of the cell, live or its result", command="go: run"),
    Key("m", "metric", "metric", "the next metric: tokens/s, latency, J/token and others"),
    Key("tab", "slice(1)", "next slice", "other values of the axes that are not shown"),
    Key("t", "turn", "turn", "other axes down and across"),
    Key("space", "mark", "mark", "mark the cell for a comparison, or take its mark off", minor=True),
    Key("c", "compare", "compare", "compare the marked cells, each with all its runs", minor=True),
    Key("p", "plot", "plot", "the plot on the whole screen, and back"),
    Key(
        "x",
        "stop",
        "stop",
        "stop the sweep and its run (asks first)",
        when="running",
        command="run: stop",
    ),
    Key(
        "g",
        "resume",
        "go on",
        "go on where it was; of a finished one, with what failed",
        when="ended",
        command="run: continue",
    ),
    Key("y", "copy", "copy", "copy the board as Markdown", minor=True),
    Key("up,k", "move(-1, 0)", "", "the cell above", shown="↑ k"),
    Key("down,j", "move(1, 0)", "", "the cell below", shown="↓ j"),
    Key("left", "move(0, -1)", "", "the cell to the left", shown="←"),
    Key("right", "move(0, 1)", "", "the cell to the right", shown="→"),
    Key("shift+tab", "slice(-1)", "", "the slice before"),
    Key("1", "open(1)", "", "the run of the first repeat of the cell, and so on", shown="1 … 9"),
    BACK,
    RUNS,
    HOME,
    HELP,
)
