"""Every key of every screen: the bindings, the footers and the help are made from this one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

from tui.widgets.rows import Row, Span, cut, dim, row, row_width, spread

ScreenName = Literal["home", "runs", "live", "result"]
When = Literal["always", "running", "ended", "maximised"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a screen."""

    keys: str
    """Textual's names of the keys, separated by commas"""
    action: str
    label: str
    """a few words for the footer; empty: only in the help"""
    help: str
    shown: str = ""
    """how the key is written; empty: as `keys`"""
    when: When = "always"
    """the state of the screen in which the key means this"""

    @property
    def name(self) -> str:
        return self.shown or self.keys.split(",")[0]


_HELP = Key("question_mark", "help", "help", "this page", shown="?")
_QUIT = Key("q", "quit", "quit", "leave; runs that are under way go on")
_HOME = Key("h", "home", "home", "profiles: choose, change and run one")
_RUNS = Key("r", "runs", "runs", "the list of all runs")

KEYS: dict[ScreenName, tuple[Key, ...]] = {
    "home": (
        Key("enter", "run", "run", "start the chosen profile and watch it"),
        Key("e,f2", "edit", "edit", "change the field under the cursor", shown="e"),
        Key("s", "save_as", "save", "save the changed profile under a name of yours"),
        Key("tab", "switch_pane", "pane", "go to the other side of the screen"),
        Key("r", "runs", "runs", "the list of all runs"),
        Key("slash", "filter", "filter", "show the profiles that contain what you type", shown="/"),
        Key("u", "undo", "undo", "take the last change back"),
        _QUIT,
        _HELP,
    ),
    "runs": (
        Key("enter", "open", "open", "attach to a run under way, or open the result of one that ended"),
        Key("x", "stop", "stop", "stop the chosen run (asks first)"),
        Key("slash", "filter", "filter", "show the runs that contain what you type", shown="/"),
        _HOME,
        _QUIT,
        _HELP,
    ),
    "live": (
        Key("q", "quit", "leave it running", "leave; the run goes on without the terminal", when="running"),
        Key("q", "quit", "quit", "leave", when="ended"),
        Key("enter", "result", "result", "the final table", when="ended"),
        Key("x", "stop", "stop", "stop the run (asks first)", when="running"),
        Key("p,1", "plot", "plot", "the latency plot on the whole screen, and back (also 1)", shown="p"),
        Key("m,2", "ranks", "", "all ranks on the whole screen, and back (also 2)", shown="m"),
        Key("g,3", "gpus", "GPUs", "all GPUs on the whole screen, and back (also 3)", shown="g"),
        Key("l,4", "log", "log", "the output of the stage on the whole screen, and back (also 4)", shown="l"),
        Key("exclamation_mark", "hide('plot')", "", "hide the latency plot, or show it again", shown="!"),
        Key("at", "hide('ranks')", "", "hide the ranks, or show them again", shown="@"),
        Key("number_sign", "hide('gpus')", "", "hide the GPUs, or show them again", shown="#"),
        Key("dollar_sign", "hide('log')", "", "hide the log, or show it again", shown="$"),
        _RUNS,
        _HOME,
        Key("escape", "back", "", "back to where you came from", shown="esc"),
        Key("up,k", "scroll_rows(-1)", "", "scroll the log or the ranks up", shown="↑ k"),
        Key("down,j", "scroll_rows(1)", "", "scroll the log or the ranks down", shown="↓ j"),
        Key("pageup", "scroll_rows(-10)", "", "scroll up by ten rows", shown="page up"),
        Key("pagedown", "scroll_rows(10)", "", "scroll down by ten rows", shown="page down"),
        Key("end", "follow", "", "follow the end of the log again"),
        _HELP,
    ),
    "result": (
        Key("up,k", "move(-1)", "", "the metric above", shown="↑ k"),
        Key("down,j", "move(1)", "", "the metric below", shown="↓ j"),
        Key("left", "column(-1)", "", "the configuration to the left", shown="←"),
        Key("right", "column(1)", "", "the configuration to the right", shown="→"),
        Key("question_mark", "explain", "explain", "what the chosen metric means, and the keys", shown="?"),
        Key("u", "printed", "engine's own", "the numbers that the engine itself printed, beside ours"),
        Key("l", "log", "log", "the output of the stage that failed, or ran last"),
        Key("y", "copy", "copy", "copy the table as Markdown to the clipboard of your terminal"),
        Key("escape", "back", "", "back to where you came from", shown="esc"),
        _RUNS,
        _HOME,
        _QUIT,
    ),
}


def bindings(screen: ScreenName) -> list[BindingType]:
    """What a screen class puts into BINDINGS."""
    unique = {key.keys: Binding(key.keys, key.action, key.help, show=False) for key in KEYS[screen]}
    return list(unique.values())


def valid_keys(screen: ScreenName, *states: When) -> list[Key]:
    """The keys of a screen that mean something in these states."""
    return [key for key in KEYS[screen] if key.when in ("always", *states)]


def footer_row(keys: list[Key], width: int, note: str = "") -> Row:
    """The last line of a screen: its keys, and a note at the right edge."""
    parts = [row(Span(key.name, "key"), dim(f" {key.label}")) for key in keys if key.label]
    gap = 3 if sum(row_width(part) + 3 for part in parts) <= width + 3 else 2
    spans: list[str | Span] = []
    for part in parts:
        spans += [" " * gap if spans else "", *part]
    left = row(*spans)
    return spread(left, row(dim(note)), width) if note else cut(left, width)
