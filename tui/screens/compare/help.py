"""Help page of the comparison screen."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="comparison of runs",
    about=(
        "The answer comes first, then the changes as bars with intervals, then every number. Changes are from"
        " A, the first side, to the others; a verdict claims only what the measured variation supports."
    ),
    terms=(
        ("side", "one run, or several repeats of the same run; each repeat counts once"),
        ("comparable", "no known difference affects the numbers, except the one being compared"),
        (
            "FASTER",
            "the change is large enough to matter and not due to chance; the same for SLOWER, BETTER, WORSE",
        ),
        ("SAME", "the true change is too small to matter"),
        ("INCONCLUSIVE", "too few or too noisy measurements to decide; repeat the runs"),
        ("NOT JUDGED", "the uncertainty of the number is unknown"),
        ("interval", "range of the true change, with 95 % confidence"),
    ),
)
