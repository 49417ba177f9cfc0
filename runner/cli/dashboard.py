"""Where a command shows what it shows: on the dashboard where there is a terminal, else in words."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from runner.cli.places import ComparePlace, HomePlace, LivePlace, Place, SweepPlace
from runner.errors import UserError

if TYPE_CHECKING:
    from runner.history.run_feed import Feed
    from runner.sweep.sweep_feed import SweepFeed

open_app: Callable[[Place], int] | None = None
"""Draws the dashboard; `tui.main` sets it, so that nothing in `runner` imports Textual."""

WEB = "TEXTUAL_DRIVER"
"""set where something else than the terminal draws"""


def open_dashboard(arguments: argparse.Namespace) -> int:
    if not has_terminal():
        raise UserError(
            "there is no terminal to draw the dashboard on",
            hint="`trtbench-tui run PROFILE` runs without one; `trtbench-tui --help` lists all commands",
        )
    before_drawing(arguments)
    return draw(HomePlace())


def watch(feed: Feed, arguments: argparse.Namespace) -> int:
    """Follow a run, with the options of `add_output_options`."""
    prometheus = getattr(arguments, "prometheus", None)
    if arguments.headless or arguments.json or prometheus is not None or not has_terminal():
        from runner.cli.narration import follow

        return follow(feed, as_json=arguments.json, prometheus=prometheus)
    before_drawing(arguments)
    return draw(LivePlace(feed))


def watch_sweep(feed: SweepFeed, arguments: argparse.Namespace) -> int:
    """Follow a sweep, with the options of `add_output_options`."""
    if getattr(arguments, "prometheus", None) is not None:
        raise UserError("--prometheus follows one run; this is a sweep of several: attach to one of them")
    if not is_drawn(arguments):
        from runner.cli.sweep_narration import follow

        return follow(feed, as_json=arguments.json)
    before_drawing(arguments)
    return draw(SweepPlace(feed.directory))


def show_comparison(names: tuple[str, ...], arguments: argparse.Namespace) -> int:
    """Compare runs on the dashboard; there is a terminal."""
    before_drawing(arguments)
    return draw(ComparePlace(names))


def is_drawn(arguments: argparse.Namespace) -> bool:
    """Whether what is followed is drawn, and not told in words."""
    return not (arguments.headless or arguments.json) and has_terminal()


def has_terminal() -> bool:
    """Whether the dashboard can be drawn: Textual reads keys from stdin and draws on stderr.

    Below `serve` it draws on a page instead.
    """
    if WEB in os.environ:
        return True
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") != "dumb" and all(stream.isatty() for stream in streams)


def before_drawing(arguments: argparse.Namespace) -> None:
    """What must be so before Textual is imported."""
    if theme := getattr(arguments, "theme", ""):
        os.environ["TRTBENCH_THEME"] = theme
    # Painting is coalesced to at most this many times a second.
    if WEB in os.environ:
        os.environ.pop("TEXTUAL_FPS", None)  # a browser is sent more than a terminal needs
    else:
        # The terminal knows its size better than variables that a shell or a container exported once.
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)
    os.environ.setdefault("TEXTUAL_FPS", "20")
    # Nothing that is loaded for the first frame is garbage; the app looks for some once it is drawn.
    gc.disable()


def draw(place: Place) -> int:
    """Open the dashboard at a place; returns the exit code."""
    if open_app is None:
        raise UserError("this Python has the commands only; start `trtbench-tui` for the dashboard")
    return open_app(place)
