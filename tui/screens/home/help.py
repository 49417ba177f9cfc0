"""The help of the home screen: name, purpose and terms."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="profiles",
    about=(
        "Choose a profile in the list and press Enter to run it. Tab goes to its options, where Enter edits a"
        " field and never starts a run. A run executes the commands that are shown. Changes are kept with"
        " their profile until you save or undo them."
    ),
    terms=(
        ("profile", "what to measure and how: model, ranks, batch sizes, lengths"),
        ("run", "one execution of a profile; it continues when the terminal closes"),
        ("◆", "has unsaved changes; in the options it marks each field that differs from the saved profile"),
        (
            "▸ ▾",
            "a group of options that are changed less often, and how many of them are; Enter unfolds",
        ),
        (
            "not saved",
            "profiles of an imported engine, or of a run whose profile is gone; ctrl+s saves one",
        ),
        ("recent", "the profiles that ran last; a profile is in the first group that it belongs to"),
        ("mine", "the profiles in your own folder"),
        (
            "this machine",
            "✓ a run is possible; – it is not, and why; ? not known, and why; ! a part is not possible."
            " Counted are GPUs, their whole memory, packages and files. Programs and files of a profile that"
            " another user may have written are left alone. The preflight of a selected profile decides",
        ),
        (
            "last result",
            "tokens per second of the last run in its best configuration, or how that run ended; the bars are"
            " up to eight finished runs, the newest on the right; differences up to 5 % are drawn small",
        ),
        ("filter", "words that are in any column or the description; the best matches come first"),
        (
            "preflight",
            "checks of this machine for this profile, worst first; a start asks if one fails",
        ),
    ),
)
