"""What the help says about the board of a sweep: its name, what it is for, and its words."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="a sweep",
    about=(
        "Every combination of a sweep with its state and numbers. A process of its own starts the runs"
        " one after the other; it goes on when you leave. Enter opens the run behind a cell."
    ),
    terms=(
        ("cell", "one combination of values; every repeat of it is a run"),
        ("slice", "the axes that are neither down nor across, each held at one value"),
        (
            "±",
            "standard deviation of the runs of a cell, not of the iterations within one; the number"
            " before it is their geometric mean, the same that a comparison shows",
        ),
        ("★ best trade", "no other point of the same lengths has less latency and as many tokens/s"),
        ("▣ memory", "it ran out of memory; what is larger in all that costs memory is pruned"),
        ("▢ pruned", "not tried, because something smaller ran out of memory; the line below says what"),
        ("interleaved", "all cells once, then all again: a drift of the machine reaches each alike"),
        ("impossible", "a profile may not have these values together; the line below says why"),
    ),
)
