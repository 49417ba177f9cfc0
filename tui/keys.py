"""Every key of every screen: bindings, footers, help and command palette are made from this one table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from textual.binding import Binding, BindingType

ScreenName = Literal["home", "runs", "live", "result", "compare", "board"]
When = Literal["always", "running", "ended", "maximised", "editing", "filtering", "filtered", "welcome"]


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
    command: str = ""
    """how the palette calls it, `area: words`; empty: `view: ` and the label"""
    minor: bool = False
    """leaves the footer first when not all keys fit"""
    opens_line: bool = False
    """the keys after it go into a line: it acts before the next key is looked at"""

    @property
    def name(self) -> str:
        return self.shown or self.keys.split(",")[0]

    @property
    def in_palette(self) -> str:
        """What the palette calls it; empty: moving about is not in it."""
        return self.command or (f"view: {self.label}" if self.label else "")


_HELP = Key(
    "question_mark",
    "help",
    "help",
    "this page: keys, words, metrics",
    shown="?",
    command="help: explain",
)
_QUIT = Key("q", "quit", "quit", "leave; runs that are under way go on", command="go: leave")
_HOME = Key("h", "home", "home", "profiles: choose, change and run one", command="go: profiles")
_RUNS = Key("r", "runs", "runs", "the list of all runs", command="go: runs")
_BACK = Key("escape", "back", "", "back to where you came from", shown="esc", command="go: back")
_AGAIN = Key(
    "a",
    "again",
    "again",
    "run it again with changes: its profile on the first screen",
    command="run: again with",
)
_FILTER = Key("slash", "filter", "filter", "", shown="/", command="view: filter", opens_line=True)

EVERYWHERE = (
    Key(
        "ctrl+p",
        "app.command_palette",
        "commands",
        "all that can be done now, by name",
        command="help: all commands",
        minor=True,
    ),
    Key("ctrl+t", "app.next_theme", "", "other colours: dark, light, high contrast, monochrome"),
    Key(
        "ctrl+l",
        "app.repaint",
        "",
        "draw everything again, when something else has written to the terminal",
        command="view: draw again",
    ),
)
"""keys of the dashboard, on every screen"""

KEYS: dict[ScreenName, tuple[Key, ...]] = {
    "home": (
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
            opens_line=True,
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
        _RUNS,
        replace(_FILTER, help="show the profiles that contain what you type"),
        _QUIT,
        _HELP,
    ),
    "runs": (
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
        replace(_FILTER, help="show the runs that fit what you type"),
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
        _AGAIN,
        Key("w", "sweep", "sweep", "the board of the sweep that the run belongs to", command="go: sweep"),
        Key("x", "stop", "stop", "stop the chosen run (asks first)", command="run: stop"),
        _HOME,
        _QUIT,
        _HELP,
    ),
    "live": (
        Key(
            "q",
            "quit",
            "leave it running",
            "leave; the run goes on without the terminal",
            when="running",
            command="go: leave it running",
        ),
        Key("q", "quit", "quit", "leave", when="ended", command="go: leave"),
        Key("enter", "result", "result", "the final table", when="ended", command="go: result"),
        Key("x", "stop", "stop", "stop the run (asks first)", when="running", command="run: stop"),
        Key("p,1", "plot", "plot", "the latency plot on the whole screen, and back (also 1)", shown="p"),
        Key(
            "m,2",
            "ranks",
            "",
            "all ranks on the whole screen, and back (also 2)",
            shown="m",
            command="view: ranks",
        ),
        Key("t", "switch_plot", "plot kind", "latency over time, as a histogram, as prefill and generation"),
        Key("d", "doctor", "doctor", "all that is known of how the run does: stalls, slow iterations, ranks"),
        Key("g,3", "gpus", "GPUs", "all GPUs on the whole screen, and back (also 3)", shown="g"),
        Key("l,4", "log", "log", "the output of the stage on the whole screen, and back (also 4)", shown="l"),
        Key(
            "exclamation_mark",
            "hide('plot')",
            "",
            "hide the latency plot, or show it again",
            shown="!",
            command="view: hide plot",
        ),
        Key(
            "at",
            "hide('ranks')",
            "",
            "hide the ranks, or show them again",
            shown="@",
            command="view: hide ranks",
        ),
        Key(
            "number_sign",
            "hide('gpus')",
            "",
            "hide the GPUs, or show them again",
            shown="#",
            command="view: hide gpus",
        ),
        Key(
            "dollar_sign",
            "hide('log')",
            "",
            "hide the log, or show it again",
            shown="$",
            command="view: hide log",
        ),
        _RUNS,
        _HOME,
        _BACK,
        Key("up,k", "scroll_rows(-1)", "", "scroll the log or the ranks up", shown="↑ k"),
        Key("down,j", "scroll_rows(1)", "", "scroll the log or the ranks down", shown="↓ j"),
        Key("pageup", "scroll_rows(-10)", "", "scroll up by ten rows", shown="page up"),
        Key("pagedown", "scroll_rows(10)", "", "scroll down by ten rows", shown="page down"),
        Key("home", "log_top", "", "the beginning of the log"),
        Key("end", "follow", "", "follow the end of the log again"),
        Key(
            "slash",
            "search",
            "search",
            "search the log",
            shown="/",
            command="view: search the log",
            opens_line=True,
            minor=True,
        ),
        Key("n", "match(1)", "", "the next match in the log", command="view: next match"),
        Key("N", "match(-1)", "", "the match before", command="view: previous match"),
        Key(
            "f",
            "log_level",
            "",
            "all of the log, warnings and errors, errors only",
            command="view: log level",
        ),
        _HELP,
    ),
    "result": (
        Key("up,k", "move(-1)", "", "the metric above", shown="↑ k"),
        Key("down,j", "move(1)", "", "the metric below", shown="↓ j"),
        Key("left", "column(-1)", "", "the configuration to the left", shown="←"),
        Key("right", "column(1)", "", "the configuration to the right", shown="→"),
        Key(
            "question_mark",
            "explain",
            "explain",
            "what the chosen metric means, and the keys",
            shown="?",
            command="help: the chosen metric",
        ),
        Key("home", "move(-10000)", "", "the first metric"),
        Key("end", "move(10000)", "", "the last metric"),
        Key("pageup", "move(-10)", "", "ten metrics up", shown="page up"),
        Key("pagedown", "move(10)", "", "ten metrics down", shown="page down"),
        Key("u", "extra('printed')", "engine's own", "what the engine itself printed, beside our numbers"),
        Key("i", "extra('margin')", "95 %", "how well each number is known: its 95 % interval", minor=True),
        Key(
            "v",
            "extra('baseline')",
            "",
            "the change against the baseline of the profile, beside each number",
            command="view: vs baseline",
        ),
        Key("l", "log", "log", "the output of the stage that failed, or ran last"),
        _AGAIN,
        Key(
            "y",
            "copy",
            "copy",
            "copy the table as Markdown to the clipboard of your terminal",
            command="run: copy the table",
        ),
        Key(
            "t",
            "copy_tsv",
            "",
            "copy the table as tab-separated values, for a spreadsheet",
            command="run: copy the table as TSV",
        ),
        Key(
            "o",
            "report",
            "report",
            "write the HTML report, and open it where there is a desktop",
            command="run: HTML report",
        ),
        Key(
            "b",
            "baseline",
            "",
            "make this run the baseline that later runs of its profile are held against",
            command="run: make it the baseline",
        ),
        _BACK,
        _RUNS,
        _HOME,
        _QUIT,
    ),
    "compare": (
        Key("up,k", "move(-1)", "", "the change above", shown="↑ k"),
        Key("down,j", "move(1)", "", "the change below", shown="↓ j"),
        Key("left", "side(-1)", "", "look at the side before", shown="←"),
        Key("right", "side(1)", "", "look at the side behind", shown="→"),
        Key("enter", "open", "open", "the result of the side that is looked at", command="go: its result"),
        Key(
            "question_mark",
            "explain",
            "explain",
            "what the chosen number and its verdict mean, and the keys",
            shown="?",
            command="help: the chosen change",
        ),
        Key("d", "differences", "differences", "everything that differs, whole"),
        Key(
            "s",
            "swap",
            "swap",
            "make the side that is looked at the first, which the others are compared with",
            command="view: swap the sides",
        ),
        Key(
            "y",
            "copy",
            "copy",
            "copy the comparison as Markdown to the clipboard of your terminal",
            command="run: copy the comparison",
        ),
        _BACK,
        _RUNS,
        _HOME,
        _QUIT,
    ),
    "board": (
        Key("q", "quit", "leave it running", "leave; the sweep goes on", when="running", command="go: leave"),
        Key("q", "quit", "quit", "leave", when="ended", command="go: leave"),
        Key("enter", "open", "open run", "the newest run of the cell, live or its result", command="go: run"),
        Key("m", "metric", "metric", "the next metric: tokens/s, latency, J/token and others"),
        Key("tab", "slice(1)", "next slice", "other values of the axes that are not shown"),
        Key("t", "turn", "turn", "other axes down and across"),
        Key("space", "mark", "mark", "mark the cell for a comparison, or take its mark off", minor=True),
        Key("c", "compare", "compare", "compare the marked cells, each with all its runs", minor=True),
        Key("p", "plot", "plot", "the plot on the whole screen, and back"),
        Key(
            "x",
            "stop",
            "stop",
            "stop the sweep and its run (asks first)",
            when="running",
            command="run: stop",
        ),
        Key(
            "g",
            "resume",
            "go on",
            "go on where it was; of a finished one, with what failed",
            when="ended",
            command="run: continue",
        ),
        Key("y", "copy", "copy", "copy the board as Markdown", minor=True),
        Key("up,k", "move(-1, 0)", "", "the cell above", shown="↑ k"),
        Key("down,j", "move(1, 0)", "", "the cell below", shown="↓ j"),
        Key("left", "move(0, -1)", "", "the cell to the left", shown="←"),
        Key("right", "move(0, 1)", "", "the cell to the right", shown="→"),
        Key("shift+tab", "slice(-1)", "", "the slice before"),
        Key("1", "open(1)", "", "the run of the first repeat of the cell, and so on", shown="1 … 9"),
        _BACK,
        _RUNS,
        _HOME,
        _HELP,
    ),
}


def bindings(screen: ScreenName) -> list[BindingType]:
    """What a screen class puts into BINDINGS."""
    unique = {
        key.keys: Binding(key.keys, key.action, key.help, show=False, priority=key.opens_line)
        for key in KEYS[screen]
    }
    return list(unique.values())


def valid_keys(screen: ScreenName, *states: When) -> list[Key]:
    """The keys of a screen that mean something in these states."""
    return [key for key in KEYS[screen] if key.when in ("always", *states)]
