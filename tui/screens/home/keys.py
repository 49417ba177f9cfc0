"""The keys of the profiles and the form."""

from __future__ import annotations

from dataclasses import replace

from tui.framework.keymap import FILTER, HELP, MOVEMENT, QUIT, RUNS, START_KEYS, Key

KEYS = (
    Key(
        "enter",
        "run",
        "run",
        "start the selected profile and watch the run",
        when="listing",
        command="run: start",
    ),
    Key("enter", "run", "watch", "open the selected run", when="joining", command="run: watch"),
    Key(
        "enter",
        "run",
        "sweep or run",
        "start the sweep of the profile, or one run of it",
        when="sweeping",
        command="run: start",
    ),
    Key("enter", "run", "edit", "edit the field; one with a few values opens a list", when="filling"),
    Key("enter", "run", "unfold", "show the fields of the group", when="folded"),
    Key("enter", "run", "fold", "hide the fields of the group", when="unfolded"),
    Key("enter", "run", "apply", "apply the typed value", when="editing", command="edit: apply"),
    Key("escape", "escape", "cancel", "discard the typed value", shown="esc", when="editing"),
    Key("enter", "run", "keep the filter", "return to the filtered list", when="filtering"),
    Key("escape", "escape", "all profiles", "clear the filter", shown="esc", when="filtered"),
    Key("enter", "run", "keep the search", "return to the fields that were found", when="searching"),
    Key("escape", "escape", "all fields", "end the search", shown="esc", when="searched"),
    Key("escape", "escape", "list", "return to the list of profiles", shown="esc", when="inside"),
    Key(
        "escape",
        "escape",
        "hide welcome",
        "hide the welcome text for good",
        shown="esc",
        when="welcome",
    ),
    Key(
        START_KEYS,
        "start",
        "run",
        "start the profile with the values of its options, from every pane; a typed value is applied first",
        shown="R F5",
        command="run: start",
    ),
    Key(
        "e,f2",
        "edit",
        "edit",
        "change the field under the cursor",
        shown="e",
        command="edit: field",
    ),
    Key("ctrl+z", "undo", "undo", "undo the last change", command="edit: undo"),
    Key("U,ctrl+y", "redo", "redo", "redo the undone change", shown="U", command="edit: redo", minor=True),
    Key(
        "backspace",
        "reset",
        "reset",
        "reset the field to its saved value",
        command="edit: reset field",
        minor=True,
    ),
    Key(
        "P",
        "check_profile",
        "check",
        "make the plan of a profile that another user may have written, and check it; this starts programs"
        " that it names",
        command="run: check profile",
    ),
    Key("w", "sweep", "sweep", "run it with every combination of chosen values", command="run: sweep"),
    Key("ctrl+s", "save_as", "save", "save the profile under a name", command="edit: save as", minor=True),
    Key(
        "i",
        "import_engine",
        "import",
        "create a profile for an existing engine",
        command="edit: import engine",
        minor=True,
    ),
    Key("tab", "switch_pane", "pane", "go to the next pane", command="view: other pane"),
    Key("shift+tab", "switch_pane(-1)", "", "go to the previous pane"),
    *MOVEMENT,
    RUNS,
    Key("s", "sort", "sort", "sort the list by the next column", command="view: sort", minor=True),
    Key("S", "reverse", "", "reverse the order of the list", command="view: reverse the order"),
    replace(FILTER, help="show the profiles, or the options, that contain the typed words"),
    QUIT,
    HELP,
)
