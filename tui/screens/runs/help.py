"""What the help says about the list of runs: its name, what it is for, and its words."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="runs",
    about=(
        "Every run of this machine, the newest first. What ended opens as its table, what is under way"
        " opens live."
    ),
    terms=(
        ("lost", "the run's supervisor was killed, or the machine restarted, before the run ended"),
        ("stopped", "somebody asked the run to stop; what was measured until then is kept"),
    ),
)
