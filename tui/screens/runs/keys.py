"""The keys of the list of runs."""

from __future__ import annotations

from msgspec.structs import replace

from tui.framework.keymap import AGAIN, FILTER, HELP, HOME, HOSTS, MOVEMENT, QUIT, Key

KEYS = (
    Key(
        "enter",
        "open",
        "open",
        "watch an active run, or open the result of an ended one, or the board of a sweep",
        command="go: selected run",
    ),
    Key("enter", "open", "keep the filter", "return to the filtered list", when="filtering"),
    Key(
        "escape",
        "show_all",
        "all runs",
        "clear the filter; then clear all marks",
        shown="esc",
        when="filtered",
    ),
    Key(
        "space",
        "mark",
        "mark",
        "mark or unmark the run, or all runs of a sweep; tags and delete apply to all marked runs",
        command="edit: mark",
    ),
    Key(
        "c",
        "compare",
        "compare",
        "compare the marked runs with the first marked one; repeats of a sweep are one side",
        command="run: compare",
    ),
    replace(FILTER, help="show the runs that match the typed text"),
    Key("s", "sort", "sort", "sort by the next column: when, tokens/s, latency, took, profile ..."),
    Key("S", "reverse", "", "reverse the order", command="view: reverse order"),
    Key("right", "unfold", "unfold", "list the runs of a sweep below its row", shown="→"),
    Key("left", "fold", "fold", "fold the runs of a sweep into one row", shown="←"),
    Key("v", "view", "group", "group the runs by profile, with their trend; again: ungroup"),
    Key("t", "tags", "tags", "add or remove tags of the run", command="edit: tags"),
    Key("E", "note", "note", "write a note about the run", command="edit: note", minor=True),
    Key(
        "e,f2",
        "rename",
        "name",
        "set the displayed name of the run; its id stays",
        shown="e",
        command="edit: name",
        minor=True,
    ),
    Key(
        "D,delete",
        "delete",
        "delete",
        "move the run, or all marked ones, to the trash (asks first)",
        shown="D",
        command="run: delete",
    ),
    Key("ctrl+z", "undo", "undo", "restore the runs deleted last", command="run: undo delete"),
    Key("B", "trash", "", "open the trash: restore deleted runs, or empty it", command="view: trash"),
    AGAIN,
    Key("w", "sweep", "sweep", "open the sweep of the run", command="go: sweep"),
    Key("x", "stop", "stop", "stop the selected run (asks first)", command="run: stop"),
    *MOVEMENT,
    HOME,
    HOSTS,
    QUIT,
    HELP,
)
