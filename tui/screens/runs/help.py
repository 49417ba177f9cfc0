"""The help of the list of runs: name, purpose and terms."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="runs",
    about=(
        "All runs of this machine, newest first. Enter opens the result of an ended run, or the live view of"
        " an active one. The runs of a sweep are one row; Enter opens its board, → lists its runs."
    ),
    terms=(
        ("lost", "the run's supervisor was killed, or the machine restarted, before the run ended"),
        (
            "what changed",
            "settings, machine and software that differ from the previous run of the same profile; for a"
            " sweep, what it varies",
        ),
        ("stopped", "the run was stopped on request; results up to then are kept"),
    ),
)
