"""What the help says about the final table: its name, what it is for, and its words."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="the result of a run",
    about=(
        "The final table of a run, made of its log. Reasons to distrust a number come first; the line"
        " below the table says what the chosen number is made of."
    ),
    terms=(
        ("flag", "a reason to distrust a number; read these first"),
        ("grey", "the number is there, but its note says why it means little"),
        ("printed", "what the engine itself printed for the same quantity"),
        ("n", "how many timed iterations the number is made of"),
    ),
)
