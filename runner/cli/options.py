"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

import argparse
from pathlib import Path

Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns

THEMES = ("dark", "light", "high-contrast", "monochrome")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    add_theme_option(parser)
    parser.add_argument("--headless", action="store_true", help="no dashboard, also on a terminal")
    parser.add_argument(
        "--json", action="store_true", help="headless; every event and the report as JSON lines"
    )


def add_theme_option(parser: argparse.ArgumentParser) -> None:
    """`--theme`, before or after the name of the command: for this start only."""
    parser.add_argument(
        "--theme",
        choices=THEMES,
        default=argparse.SUPPRESS,
        help="colours of the dashboard; ctrl+t changes them for good",
    )


def add_gpu_rate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gpu-hz", type=_gpu_hz, default=2.0, metavar="HZ", help="readings of the GPUs a second (default 2)"
    )


def output_file(text: str) -> Path:
    """The value of `-o`; an empty one, of a variable that is not set, would be the working directory."""
    if not text:
        raise argparse.ArgumentTypeError("'' names no file")
    return Path(text)


def _gpu_hz(text: str) -> float:
    try:
        hz = float(text)
    except ValueError:
        hz = 0.0
    if not 0.2 <= hz <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; allowed: 0.2 to 10 times a second")
    return hz
