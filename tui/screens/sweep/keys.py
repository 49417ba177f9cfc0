"""The keys of the sweep screen."""

from __future__ import annotations

from tui.framework.keymap import BACK, HELP, HOME, MOVEMENT, RUNS, START_KEYS, Key

KEYS = (
    Key("q", "quit", "leave it running", "leave; the sweep continues", when="running", command="go: leave"),
    Key("q", "quit", "quit", "leave", when="ended", command="go: leave"),
    Key("enter", "open", "open run", "the newest run of the cell: live screen or result", command="go: run"),
    Key("m", "metric", "metric", "the next metric: tokens/s, latency, J/token, ..."),
    Key("tab", "slice(1)", "next slice", "the next values of the fixed axes"),
    Key("A", "switch_axes", "axes", "other axes as rows and columns"),
    Key("space", "mark", "mark", "mark the cell for a comparison, or unmark it", minor=True),
    Key("c", "compare", "compare", "compare the marked cells, each with all its runs", minor=True),
    Key("v", "view", "per GPU", "Pareto-optimal by tokens/s per GPU, or by total tokens/s"),
    Key("p", "plot", "plot", "maximise the plot, and restore"),
    Key(
        "x",
        "stop",
        "stop",
        "stop the sweep and its run (asks first)",
        when="running",
        command="run: stop",
    ),
    Key(
        START_KEYS,
        "start",
        "resume",
        "resume the sweep; a finished one repeats its failed runs",
        shown="R",
        when="ended",
        command="run: resume",
    ),
    Key("C", "copy", "copy", "copy the board as Markdown", minor=True),
    *MOVEMENT,
    Key("left", "across(-1)", "", "the cell to the left", shown="←"),
    Key("right", "across(1)", "", "the cell to the right", shown="→"),
    Key("shift+tab", "slice(-1)", "", "the previous slice"),
    Key("1", "open(1)", "", "the run of the first, second, ... repeat of the cell", shown="1 … 9"),
    BACK,
    RUNS,
    HOME,
    HELP,
)
