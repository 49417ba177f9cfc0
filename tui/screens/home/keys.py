"""The keys of the profiles and the form."""

from __future__ import annotations

from dataclasses import replace

from tui.framework.keymap import FILTER, HELP, QUIT, RUNS, Key

KEYS = (
    Key("enter", "run", "run", "start the chosen profile and watch it", command="run: start"),
    Key("enter", "run", "take it", "take the typed value", when="editing", command="edit: take it"),
    Key("escape", "escape", "leave it as it was", "forget what is typed", shown="esc", when="editing"),
    Key("enter", "run", "keep the filter", "back to the list, which stays filtered", when="filtering"),
    Key("escape", "escape", "all profiles", "show all profiles again", shown="esc", when="filtered"),
    Key("escape", "escape", "hide this", "do not greet me again", shown="esc", when="welcome"),
    Key(
        "e,f2",
        "edit",
        "edit",
        "change the field under the cursor",
        shown="e",
        command="edit: field",
    ),
    Key("u", "undo", "undo", "take the last change back", command="edit: undo"),
    Key("ctrl+r", "redo", "redo", "make the change again", command="edit: redo", minor=True),
    Key("d", "reset", "reset", "the field as it is saved", command="edit: reset field", minor=True),
    Key("w", "sweep", "sweep", "measure it with every combination of some values", command="run: sweep"),
    Key("s", "save_as", "save", "save the profile under a name of yours", command="edit: save as"),
    Key(
        "i",
        "import_engine",
        "import",
        "a profile for an engine that is built already",
        command="edit: import engine",
        minor=True,
    ),
    Key("tab", "switch_pane", "pane", "go to the other side of the screen", command="view: other pane"),
    RUNS,
    replace(FILTER, help="show the profiles that contain what you type"),
    QUIT,
    HELP,
)
