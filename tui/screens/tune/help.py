"""Help page of the tuning screen."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="tune",
    about=(
        "The points of a search space that were measured, the best first. A background process chooses and"
        " starts the runs; it continues when you leave. docs/tuning.md explains the search."
    ),
    terms=(
        ("point", "one combination of the values of the axes; each of its repeats is a run"),
        (
            "against the baseline",
            "change of the first objective, with its 95 % interval; drift from block to block is removed",
        ),
        ("★ best", "the best point that meets every constraint with confidence"),
        ("☆ tie", "cannot be told apart from the best point"),
        ("● front", "with several objectives: no other point beats it beyond noise"),
        (
            "matters",
            "the gain from the worst to the best value of an option, averaged over the others, is above 1 %"
            " with its whole 95 % interval",
        ),
        (
            "A B B A",
            "the best point and the baseline in turn, at the end; nothing is called FASTER before that",
        ),
    ),
)
