"""The keys of the screen of other machines."""

from __future__ import annotations

from tui.framework.keymap import BACK, HELP, HOME, MOVEMENT, QUIT, RUNS, Key

KEYS = (
    Key(
        "enter",
        "open",
        "attach",
        "copy the run and watch it, or open the result of an ended one, or the board of a sweep",
        command="go: selected run",
    ),
    Key(
        "x", "stop", "stop", "stop the selected run or sweep on its machine (asks first)", command="run: stop"
    ),
    Key("w", "sweep", "sweep", "open the sweep of the run", command="go: sweep"),
    Key("right", "unfold", "unfold", "list the runs of a sweep below its row", shown="→"),
    Key("left", "fold", "fold", "fold the runs of a sweep into one row", shown="←"),
    Key(
        "space",
        "mark",
        "mark",
        "mark or unmark the run, or all runs of the sweep, for a comparison",
        command="edit: mark",
    ),
    Key(
        "c",
        "compare",
        "compare",
        "copy and compare the marked runs; with one mark, that run with the one under the cursor",
        command="run: compare",
    ),
    Key("v", "view", "all runs", "list all known runs of each machine; again: only the newest"),
    Key(
        "F",
        "refresh",
        "refresh",
        "read the settings, connect to hosts that are not connected, and ask all of them again",
        command="view: ask all hosts again",
    ),
    *MOVEMENT,
    BACK,
    RUNS,
    HOME,
    QUIT,
    HELP,
)
