"""The help of the home screen: name, purpose and terms."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="profiles",
    about=(
        "Choose a profile on the left, edit it on the right if needed, and press Enter in the list, or R."
        " A run executes the commands below. Changes are kept with their profile until you save or undo them."
    ),
    terms=(
        ("profile", "what to measure and how: model, ranks, batch sizes, lengths"),
        ("run", "one execution of a profile; it continues when the terminal closes"),
        ("◆", "has unsaved changes; on the right it marks each field that differs from the saved profile"),
        (
            "not saved",
            "profiles of an imported engine, or of a run whose profile was deleted; ctrl+s saves one",
        ),
        ("recent", "the built-in profiles that ran last"),
        (
            "tok/s",
            "tokens per second of the last finished run in its best configuration; the bars are up to"
            " eight runs, the newest on the right; differences up to 5 % are drawn small",
        ),
        ("preflight", "checks of this machine for this profile, worst first; if one fails, Enter asks first"),
    ),
)
