"""What the help says about the comparison: its name, what it is for, and its words."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="runs compared",
    about=(
        "Changes are from A, the first side, to the others. What differs and whether that is fair"
        " comes before the numbers; a verdict says only what the measured variation allows to say."
    ),
    terms=(
        ("side", "one run, or several repeats of the same, of which each counts once"),
        ("fair", "nothing that is known changes the numbers without being what is compared"),
        ("FASTER", "the change matters and is beyond chance; SLOWER, BETTER and WORSE accordingly"),
        ("SAME", "whatever the true change is, it is too small to matter"),
        ("INCONCLUSIVE", "too few or too noisy measurements to say either; repeats decide"),
        ("NOT JUDGED", "nothing says how well the number is known"),
        ("interval", "where the true change lies, with 95 % confidence"),
    ),
)
