"""Help page of the screen of other machines."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="hosts",
    about=(
        "Other machines and their runs, through `ssh HOST trtbench-tui`. A run is copied while it is watched;"
        " docs/clusters.md explains how to set it up."
    ),
    terms=(
        ("connected", "the machine answers; its list is at most a few seconds old"),
        ("unreachable", "the last words of ssh; the next attempt follows by itself"),
        (
            "refused",
            "the machine has another version of trtbench-tui; install the same one, then press F",
        ),
        (
            "tags, notes, deletion",
            "those of a run are on its machine: `ssh HOST trtbench-tui tag ...`, or `rm ...`; to keep a run"
            " here, `trtbench-tui --host HOST archive RUN`, then `trtbench-tui import FILE`",
        ),
        ("in use by", "the run that holds the device, its user, and how long its process exists"),
        ("free", "no run of trtbench-tui holds the device; other programs may still use it"),
        (
            "GPU memory, busy",
            "from the log of a run on these GPUs; without one, what NVML stated when it was asked last",
        ),
    ),
)
