"""What the help says about the home screen: its name, what it is for, and its words."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="profiles",
    about=(
        "Choose a profile on the left, change it on the right if you like, and press Enter: the commands"
        " below are what will run. Changes stay with their profile until you save or undo them."
    ),
    terms=(
        ("profile", "what to measure and how: model, ranks, batch sizes, lengths"),
        ("run", "one execution of a profile; it goes on when the terminal closes"),
        ("◆", "changed, and not saved; on the right it marks each field that differs from the saved one"),
        ("not saved", "profiles of a built engine, or of a run whose profile is gone; s saves one"),
        ("recent", "the built-in profiles that ran last"),
        (
            "tok/s",
            "tokens per second of the last finished run, in its best configuration; the bars before it are"
            " up to eight runs, the newest on the right: small differences, to 5 %, are drawn small",
        ),
        ("preflight", "checks of this machine for this profile, worst first; Enter asks when one fails"),
    ),
)
