"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal, NoReturn

from runner.util.exit_codes import ExitCode
from runner.util.themes import THEME_NAMES

SubCommands = argparse._SubParsersAction  # argparse has no public name for the result of add_subparsers

# argparse looks on disk for a translation of each of its texts, three per command, which takes half of the
# time in which the parser is made. There are none: the messages of this program are not translated.
argparse._ = lambda text: text  # type: ignore[attr-defined]


class CommandParser(argparse.ArgumentParser):
    """A parser whose help and errors end with an example."""

    example = ""
    """a command line; empty: none"""

    def format_help(self) -> str:
        return super().format_help() + (f"\nexample: {self.example}\n" if self.example else "")

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        example = f"\nexample: {self.example}" if self.example else ""
        self.exit(ExitCode.BAD_INPUT, f"{self.prog}: error: {message}{example}\n")


OnHosts = Literal[
    "list", "stop", "attach", "run", "side", "sides",
    "list sweeps", "show sweep", "stop sweep", "resume sweep",
]  # fmt: skip
"""How a command names its runs when it gets `--host`; without such a value, it works on this machine only."""


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that follows a run or a sweep."""
    add_theme_option(parser)
    parser.add_argument("--headless", action="store_true", help="do not open the dashboard on a terminal")
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="no dashboard and no progress; print the final table only"
    )
    parser.add_argument(
        "--json", action="store_true", help="no dashboard; print every event and the report as JSON lines"
    )


def add_run(parser: argparse.ArgumentParser, metavar: str = "RUN") -> None:
    """Add the run that a command is about; without one, the last run."""
    parser.add_argument("run", metavar=metavar, nargs="?", default="last")


def add_theme_option(parser: argparse.ArgumentParser) -> None:
    """Add `--theme`, which may come before or after the command and holds for this start only."""
    parser.add_argument(
        "--theme",
        choices=THEME_NAMES,
        metavar="THEME",
        default=argparse.SUPPRESS,
        help=f"{', '.join(THEME_NAMES)}; for this start only (the key T changes it permanently)",
    )


def add_host_option(parser: argparse.ArgumentParser) -> None:
    """Add `--host`, which comes before the command."""
    parser.add_argument(
        "--host",
        dest="hosts",
        metavar="HOSTS",
        help="runs of other machines, through your ssh: user@box or a Host of ~/.ssh/config, with commas",
    )


def add_force_option(parser: argparse.ArgumentParser) -> None:
    """Add `--force`; its old spelling `--anyway` still works for one release."""
    parser.add_argument("--force", action="store_true", help="start even if a preflight check fails")
    parser.add_argument("--anyway", dest="force", action="store_true", help=argparse.SUPPRESS)


def add_gpu_rate(parser: argparse.ArgumentParser) -> None:
    """Add `--gpu-hz`, how often the GPUs are read."""
    parser.add_argument(
        "--gpu-hz", type=_gpu_hz, default=2.0, metavar="HZ", help="GPU readings per second (default 2)"
    )


def add_gpu_options(parser: argparse.ArgumentParser) -> None:
    """Add `--gpu-hz` and `--no-gpu`, for what is started."""
    add_gpu_rate(parser)
    parser.add_argument(
        "--no-gpu", dest="gpu_hz", action="store_const", const=0.0, help="do not read the GPUs"
    )


def add_set_option(parser: argparse.ArgumentParser, where: str) -> None:
    """Add `--set`, for fields that are changed in what is started: `for this run`."""
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help=f"change a field {where} (repeatable)",
    )


def output_file(text: str) -> Path:
    """Convert the value of `-o`; refuse an empty one, which would mean the working directory."""
    if not text:
        raise argparse.ArgumentTypeError("the name of the file is empty")
    return Path(text)


def _gpu_hz(text: str) -> float:
    try:
        hz = float(text)
    except ValueError:
        hz = 0.0
    if not 0.2 <= hz <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate; allowed: 0.2 to 10 readings per second")
    return hz
