"""One meaning a key across all screens and dialogs, and no action only on a key that browsers keep."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
from textual.actions import parse
from textual.binding import Binding
from textual.dom import DOMNode

from tui.framework.keymap import BROWSER_KEYS, GLOBAL_KEYS
from tui.screens.registry import SCREENS, keys_of

MEANINGS = (
    ("up k down j pageup pagedown ctrl+u ctrl+d", "move by rows", "move page step"),
    ("g home", "to the top", "top"),
    ("G end", "to the bottom", "bottom"),
    ("left right", "the column, side, cell or choice beside it", "column side across cycle fold unfold"),
    ("enter", "open or accept what is selected", "open accept result run restore close"),
    ("f5 ctrl+enter R", "start", "start run_once"),
    ("space", "toggle what is selected", "mark cycle toggle_node"),
    ("escape", "back, cancel, clear the filter", "back cancel close escape show_all"),
    ("q", "leave", "quit close"),
    ("tab shift+tab", "the next or previous part", "switch_pane slice"),
    ("1 2 3 4 5 6 7 8 9", "the item with this number", "plot ranks gpus log open"),
    ("exclamation_mark at number_sign dollar_sign", "hide a panel", "hide"),
    ("slash", "filter or search", "filter search"),
    ("n N", "next or previous match", "match"),
    ("f", "level of the log", "log_level"),
    ("colon ctrl+p", "go to a run, profile or command", "app.command_palette"),
    ("question_mark", "help", "help explain close"),
    ("h", "home", "home"),
    ("H", "other machines", "hosts"),
    ("F", "ask the hosts again", "refresh"),
    ("r", "runs", "runs"),
    ("a", "edit and run its profile again", "again"),
    ("b", "make it the baseline", "baseline"),
    ("B", "trash", "trash close"),
    ("c", "compare", "compare"),
    ("C", "copy as Markdown", "copy"),
    ("V", "copy as TSV", "copy_tsv"),
    ("d", "details: diagnostics, warnings, differences", "details close"),
    ("D delete", "delete", "delete empty"),
    ("backspace", "reset the field", "reset"),
    ("e f2", "edit", "edit rename"),
    ("E", "note", "note"),
    ("i", "import an engine", "import_engine"),
    ("l", "log", "log close"),
    ("m", "metric", "metric"),
    ("o", "HTML report", "report"),
    ("p", "plot", "plot"),
    ("P", "check the profile", "check_profile"),
    ("s", "sort", "sort"),
    ("S", "reverse the order", "reverse"),
    ("ctrl+s", "save", "save_as"),
    ("t", "tags", "tags"),
    ("A", "axes", "switch_axes"),
    ("u", "all digits", "unrounded"),
    ("ctrl+z", "undo", "undo"),
    ("U ctrl+y", "redo", "redo"),
    ("v", "next view of the same data", "view extra"),
    ("w", "sweep", "sweep"),
    ("W", "tune", "tune"),
    ("x", "stop", "stop"),
    ("y", "scale of the plot", "switch_axis"),
    ("percent_sign", "95 % interval", "extra"),
    ("T ctrl+t", "next theme", "app.next_theme"),
    ("ctrl+l", "redraw", "app.repaint"),
)
"""keys, their meaning, and the actions with this meaning"""
WIDGETS = (
    "tui.framework.filter_input:FilterInput",
    "tui.framework.picker:Picker",
    "tui.screens.dialogs.ask:AskScreen",
    "tui.screens.dialogs.choose:ChooseScreen",
    "tui.screens.dialogs.help:HelpScreen",
    "tui.screens.home.command_view:CommandView",
    "tui.screens.home.import_engine:ImportEngineScreen",
    "tui.screens.home.profile_form:ProfileForm",
    "tui.screens.home.save_as:SaveAsScreen",
    "tui.screens.live.health_page:HealthScreen",
    "tui.screens.live.log_page:LogScreen",
    "tui.screens.runs.trash:TrashScreen",
    "tui.screens.sweep.start:SweepStart",
    "tui.screens.tune.start:TuneStart",
)
"""all with keys of their own; ConfirmScreen is left out, because its question names its two answers"""


def bound() -> Iterator[tuple[str, str, str]]:
    """Where a key is bound, its name, and the action."""
    for screen in SCREENS:
        for key in (*keys_of(screen), *GLOBAL_KEYS):
            yield from ((screen, name, key.action) for name in key.keys.split(","))
    for widget in WIDGETS:
        module, _, name = widget.partition(":")
        kind: type[DOMNode] = getattr(import_module(module), name)
        for binding in kind.BINDINGS:
            keys, action = (
                (binding.key, binding.action) if isinstance(binding, Binding) else (binding[0], binding[1])
            )
            yield from ((name, key, action) for key in keys.split(","))


def test_a_key_has_one_meaning_on_all_screens() -> None:
    allowed = {key: actions.split() for keys, _, actions in MEANINGS for key in keys.split()}
    wrong = [
        f"{where}: {key} {action}"
        for where, key, action in bound()
        if action.partition("(")[0] not in allowed.get(key, ())
    ]
    assert not wrong


def test_no_key_and_no_meaning_is_listed_in_vain() -> None:
    listed = [key for keys, _, _ in MEANINGS for key in keys.split()]
    assert len(listed) == len(set(listed))
    assert set(listed) == {key for _, key, _ in bound()} | set("23456789")


@pytest.mark.parametrize("screen", SCREENS)
def test_no_action_is_only_on_a_key_of_browsers(screen: str) -> None:
    for key in (*keys_of(screen), *GLOBAL_KEYS):
        parse(key.action)
        assert set(key.keys.split(",")) - BROWSER_KEYS, key
        assert key.name.split()[0].lower() not in BROWSER_KEYS, "the help shows a key that browsers keep"
