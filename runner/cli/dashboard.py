"""Open the dashboard if there is a terminal; otherwise follow as text."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.places import (
    ComparePlace,
    DashboardPlace,
    HomePlace,
    LivePlace,
    ResultPlace,
    sweep_place,
)
from runner.util import imports
from runner.util.errors import UserError

if TYPE_CHECKING:
    from runner.history.run_feed import Feed
    from runner.sweep.sweep_feed import SweepFeed

open_app: Callable[[DashboardPlace], int] | None = None
"""Opens the dashboard; set by `tui.main`, so that `runner` does not import Textual."""

WEB_VARIABLE = "TEXTUAL_DRIVER"
"""Environment variable that is set when a driver other than the terminal draws."""


def open_dashboard(arguments: argparse.Namespace) -> int:
    """Open the home screen; the command without a name."""
    return open_at(HomePlace(), arguments)


def open_at(place: DashboardPlace, arguments: argparse.Namespace) -> int:
    """Open the dashboard at a place.

    Raises:
        UserError: there is no terminal.
    """
    if not has_terminal():
        raise UserError(
            "there is no terminal to draw the dashboard on",
            hint="`trtbench-tui run PROFILE` runs without one; `trtbench-tui --help` lists all commands",
        )
    prepare_drawing(arguments)
    return draw(place)


def watch(feed: Feed, arguments: argparse.Namespace) -> int:
    """Follow a run on the dashboard or as text, with the options of `add_output_options`."""
    prometheus = getattr(arguments, "prometheus", None)
    if prometheus is not None or not is_drawn(arguments):
        from runner.cli.narration import follow

        return follow(feed, as_json=arguments.json, quiet=arguments.quiet, prometheus=prometheus)
    prepare_drawing(arguments)
    return draw(LivePlace(feed))


def watch_run(run_dir: Path, arguments: argparse.Namespace) -> int:
    """Follow a run; of one that has ended the dashboard shows the result."""
    with imports.uncollected():
        from runner.history.run_feed import open_feed

    feed = open_feed(run_dir)
    if getattr(arguments, "prometheus", None) is None and is_drawn(arguments) and _has_ended(run_dir):
        prepare_drawing(arguments)
        return draw(ResultPlace(run_dir))
    return watch(feed, arguments)


def _has_ended(run_dir: Path) -> bool:
    """Check whether a run has ended; one whose supervisor died is finalised first."""
    from runner.run import layout, liveness

    # The supervisor writes the report before the end, so this is known without the imports of lists.
    if liveness.check(run_dir) is liveness.Liveness.ALIVE and not (run_dir / layout.REPORT).exists():
        return False
    from runner.history.run_entry import read_entry

    return read_entry(run_dir).ended


def watch_sweep(feed: SweepFeed, arguments: argparse.Namespace) -> int:
    """Follow a sweep on the dashboard or as text, with the options of `add_output_options`."""
    if getattr(arguments, "prometheus", None) is not None:
        raise UserError("--prometheus works for a run, not for a sweep; attach to one of its runs")
    if not is_drawn(arguments):
        from runner.cli.sweep_narration import follow

        return follow(feed, as_json=arguments.json, quiet=arguments.quiet)
    prepare_drawing(arguments)
    return draw(sweep_place(feed.directory))


def show_comparison(names: tuple[str, ...], arguments: argparse.Namespace) -> int:
    """Compare runs on the dashboard; the caller checked that there is a terminal."""
    prepare_drawing(arguments)
    return draw(ComparePlace(names))


def is_drawn(arguments: argparse.Namespace) -> bool:
    """Check whether the dashboard is used rather than text."""
    return not (arguments.headless or arguments.json or arguments.quiet) and has_terminal()


def has_terminal() -> bool:
    """Check whether the dashboard can be drawn: Textual reads keys from stdin and draws on stderr.

    With `serve`, it draws in a browser instead.
    """
    if WEB_VARIABLE in os.environ:
        return True
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") != "dumb" and all(stream.isatty() for stream in streams)


def prepare_drawing(arguments: argparse.Namespace) -> None:
    """Set up the process before Textual is imported."""
    if theme := getattr(arguments, "theme", ""):
        os.environ["TRTBENCH_THEME"] = theme
    if WEB_VARIABLE in os.environ:
        os.environ.pop("TEXTUAL_FPS", None)  # updates for a browser are larger than those for a terminal
    else:
        # The terminal reports its real size; variables exported by a shell or a container may be outdated.
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)
    os.environ.setdefault("TEXTUAL_FPS", "20")  # limits the number of paints per second
    # Nothing loaded before the first frame is garbage; the app enables the collector after drawing it.
    gc.disable()


def draw(place: DashboardPlace) -> int:
    """Open the dashboard at a place and return the exit code."""
    if open_app is None:
        raise UserError("this program has no dashboard; start `trtbench-tui` to get it")
    return open_app(place)
