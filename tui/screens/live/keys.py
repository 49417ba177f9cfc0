"""The keys of the live screen."""

from __future__ import annotations

from msgspec.structs import replace

from tui.framework.keymap import BACK, HELP, HOME, MOVEMENT, RUNS, Key

_MOVEMENT = (
    *(key for key in MOVEMENT if key.action != "bottom"),
    *(replace(key, help="to the bottom, and follow the log") for key in MOVEMENT if key.action == "bottom"),
)
_KEYS_OF_PLOT = ("view", "switch_axis")
"""actions that change nothing that is seen while another panel is maximised"""
KEYS = (
    Key(
        "q",
        "quit",
        "leave it running",
        "leave; the run continues without the terminal",
        when="running",
        command="go: leave it running",
    ),
    Key("q", "quit", "quit", "leave", when="ended", command="go: leave"),
    Key("enter", "result", "result", "the final table", when="ended", command="go: result"),
    Key("x", "stop", "stop", "stop the run (asks first)", when="running", command="run: stop"),
    Key("p,1", "plot", "plot", "maximise the latency plot, and restore (also 1)", shown="p"),
    Key("2", "ranks", "", "maximise the ranks, and restore", command="view: ranks"),
    Key("v", "view", "plot kind", "next plot: over time, histogram, prefill and generation, decode steps"),
    Key(
        "y",
        "switch_axis",
        "scale",
        "next y axis: linear without outliers, logarithmic, full range",
        minor=True,
    ),
    Key("d", "details", "diagnostics", "problems of the run: stalls, warnings, slow iterations, ranks"),
    Key("3", "gpus", "GPUs", "maximise the GPUs, and restore"),
    Key("l,4", "log", "log", "maximise the output of the stage, and restore (also 4)", shown="l"),
    Key(
        "exclamation_mark",
        "hide('plot')",
        "",
        "hide or show the latency plot",
        shown="!",
        command="view: hide plot",
    ),
    Key(
        "at",
        "hide('ranks')",
        "",
        "hide or show the ranks",
        shown="@",
        command="view: hide ranks",
    ),
    Key(
        "number_sign",
        "hide('gpus')",
        "",
        "hide or show the GPUs",
        shown="#",
        command="view: hide GPUs",
    ),
    Key(
        "dollar_sign",
        "hide('log')",
        "",
        "hide or show the log",
        shown="$",
        command="view: hide log",
    ),
    Key(
        "space",
        "toggle_node",
        "unfold",
        "unfold the node under the cursor, or fold it (GPUs and ranks of several nodes, maximised)",
        when="nodes",
        command="view: unfold node",
    ),
    Key("right", "unfold", "", "unfold the node under the cursor", shown="→", when="nodes"),
    Key("left", "fold", "", "fold it", shown="←", when="nodes"),
    RUNS,
    HOME,
    BACK,
    *_MOVEMENT,
    Key(
        "slash",
        "search",
        "search",
        "search the log",
        shown="/",
        command="view: search the log",
        minor=True,
    ),
    Key("n", "match(1)", "", "the next match in the log", command="view: next match"),
    Key("N", "match(-1)", "", "the previous match", command="view: previous match"),
    Key(
        "f",
        "log_level",
        "",
        "next log level: all lines, warnings and errors, errors only",
        command="view: log level",
    ),
    HELP,
)


def keys_of_full_page(keys: list[Key], panel: str) -> list[Key]:
    """Return the keys of the footer while `panel` is maximised: first the one that restores all panels."""
    unused = (panel, *(_KEYS_OF_PLOT if panel != "plot" else ()))
    back = [replace(key, label="all panels") for key in keys if key.action == "back"]
    return [*back, *(key for key in keys if key.action not in unused)]
