"""The keys of the tuning screen."""

from __future__ import annotations

from tui.framework.keymap import BACK, HELP, HOME, MOVEMENT, RUNS, START_KEYS, Key

KEYS = (
    Key("q", "quit", "leave it running", "leave; the tuning continues", when="running", command="go: leave"),
    Key("q", "quit", "quit", "leave", when="ended", command="go: leave"),
    Key("enter", "open", "open run", "the newest run of the point: live screen or result", command="go: run"),
    Key("p", "plot", "plot", "maximise the plot, and restore"),
    Key(
        "x",
        "stop",
        "stop",
        "stop the tuning and its run (asks first)",
        when="running",
        command="run: stop",
    ),
    Key(
        START_KEYS,
        "start",
        "resume",
        "resume a tuning that was stopped",
        shown="R",
        when="ended",
        command="run: resume",
    ),
    Key("C", "copy", "copy", "copy the tuning as text", minor=True),
    *MOVEMENT,
    BACK,
    RUNS,
    HOME,
    HELP,
)
