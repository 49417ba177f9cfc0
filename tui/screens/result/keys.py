"""The keys of the final table."""

from __future__ import annotations

from tui.framework.keymap import AGAIN, BACK, HOME, QUIT, RUNS, Key

KEYS = (
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
    AGAIN,
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
    BACK,
    RUNS,
    HOME,
    QUIT,
)
