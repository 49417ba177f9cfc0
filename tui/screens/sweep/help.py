"""Help page of the sweep screen."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="sweep",
    about=(
        "Every combination of a sweep with its state and numbers. A background process starts the runs"
        " one after the other; it continues when you leave. Enter opens the run of a cell."
    ),
    terms=(
        ("cell", "one combination of values; each of its repeats is a run"),
        ("slice", "the axes that are neither rows nor columns, each fixed at one value"),
        (
            "±",
            "95 % interval of the number, which is the geometric mean of the runs of a cell. With repeats, it"
            " is from how much the repeats of all cells vary; of single runs, from their iterations only",
        ),
        (
            "★ Pareto-optimal",
            "no other point of the same lengths beats it beyond noise in latency or tokens/s; v switches"
            " between tokens/s per GPU and of all GPUs together",
        ),
        (
            "☆ tie",
            "a Pareto-optimal point that equals another one in both numbers: their ranges of 95 % overlap."
            " The noise comes from the repeats; without any, runs are assumed to vary by 2 %",
        ),
        (
            "▁ … █",
            "level of a number between the worst and the best of the table (of a column of metrics), also its"
            " background; none if all are within 2 %",
        ),
        ("▣ memory", "out of memory; combinations that need more memory in every respect are pruned"),
        ("▢ pruned", "not started, because a smaller combination ran out of memory; the line below names it"),
        (
            "interleaved",
            "all cells once, then all again, so that a drift of the machine affects all cells alike",
        ),
        ("impossible", "a profile does not allow these values together; the line below gives the reason"),
    ),
)
