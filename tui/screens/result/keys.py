"""The keys of the result screen."""

from __future__ import annotations

from tui.framework.keymap import AGAIN, BACK, HOME, MOVEMENT, QUIT, RUNS, Key

KEYS = (
    *MOVEMENT,
    Key("left", "column(-1)", "", "the configuration to the left", shown="←"),
    Key("right", "column(1)", "", "the configuration to the right", shown="→"),
    Key(
        "question_mark",
        "explain",
        "explain",
        "explain the selected metric, and the keys",
        shown="?",
        command="help: the selected metric",
    ),
    Key(
        "u",
        "unrounded",
        "full digits",
        "show all digits, and the values reported by the engine; or round to the 95 % interval",
    ),
    Key(
        "percent_sign",
        "extra('margin')",
        "intervals",
        "show or hide the 95 % interval of each number",
        shown="%",
        minor=True,
    ),
    Key(
        "v",
        "extra('baseline')",
        "",
        "show or hide the change against the baseline of the profile",
        command="view: vs baseline",
    ),
    Key(
        "d",
        "details",
        "",
        "all warnings in full, those with the largest effect first",
        command="view: warnings",
    ),
    Key("l", "log", "log", "the log of the stage that failed, or ran last"),
    AGAIN,
    Key(
        "C",
        "copy",
        "copy",
        "copy the table as Markdown to the clipboard of your terminal",
        command="run: copy the table",
    ),
    Key(
        "V",
        "copy_tsv",
        "",
        "copy the table as tab-separated values, for a spreadsheet",
        command="run: copy the table as TSV",
    ),
    Key(
        "o",
        "report",
        "report",
        "write the HTML report, and open it if there is a desktop",
        command="run: HTML report",
    ),
    Key(
        "b",
        "baseline",
        "",
        "make this run the baseline of its profile",
        command="run: set as baseline",
    ),
    BACK,
    RUNS,
    HOME,
    QUIT,
)
