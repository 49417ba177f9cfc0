"""Help page of the result screen."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="result of a run",
    about=(
        "The result table of a run, computed from its log. Warnings come first; the line below the"
        " table explains the selected number."
    ),
    terms=(
        ("warning", "a reason to doubt a number; read the warnings first"),
        ("grey", "the number is doubtful; its note gives the reason"),
        ("reported by engine", "the value that the engine itself states for the same quantity"),
        ("n", "number of timed iterations behind the value"),
    ),
)
