"""The keys of the list of runs."""

from __future__ import annotations

from dataclasses import replace

from tui.framework.keymap import AGAIN, FILTER, HELP, HOME, QUIT, Key

KEYS = (
    Key(
        "enter",
        "open",
        "open",
        "attach to a run under way, or open the result of one that ended",
        command="go: the chosen run",
    ),
    Key("enter", "open", "keep the filter", "back to the list, which stays filtered", when="filtering"),
    Key(
        "escape",
        "show_all",
        "all runs",
        "show all runs again; then take all marks off",
        shown="esc",
        when="filtered",
    ),
    Key(
        "space",
        "mark",
        "mark",
        "mark the chosen run, or take its mark off; tags and deleting are for all marked ones",
        command="edit: mark",
    ),
    Key(
        "c",
        "compare",
        "compare",
        "compare the marked runs with the one marked first; repeats of a sweep count as one side",
        command="run: compare",
    ),
    replace(FILTER, help="show the runs that fit what you type"),
    Key("s", "sort", "sort", "sort by the next column: when, tokens/s, latency, took, profile ..."),
    Key("S", "reverse", "", "sort the other way round", command="view: reverse the order"),
    Key("g", "group", "group", "runs of one profile together, with their trend, and back"),
    Key("t", "tags", "tags", "put tags on the run, or take them off", command="edit: tags"),
    Key("n", "note", "note", "write a note on the run", command="edit: note", minor=True),
    Key(
        "e,f2",
        "rename",
        "name",
        "give the run a name to show it by; its id stays",
        shown="e",
        command="edit: name",
        minor=True,
    ),
    Key(
        "d,delete",
        "delete",
        "delete",
        "move the run, or all marked ones, to the trash (asks first)",
        shown="d",
        command="run: delete",
    ),
    Key("u", "undo", "undo", "bring back what was deleted last", command="run: undo deleting"),
    Key("b", "trash", "", "the trash: restore what was deleted, or empty it", command="view: trash"),
    AGAIN,
    Key("w", "sweep", "sweep", "the board of the sweep that the run belongs to", command="go: sweep"),
    Key("x", "stop", "stop", "stop the chosen run (asks first)", command="run: stop"),
    HOME,
    QUIT,
    HELP,
)
