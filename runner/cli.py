"""The command `trtbench-tui`. Light to import: each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import codecs
import io
import os
import sys
from collections.abc import Callable, Sequence

from runner import signals
from runner.commands import (
    archive,
    baseline,
    compare,
    completion,
    explain,
    export,
    gate,
    history,
    machine,
    profiles,
    runs,
    serve,
    sweeps,
)
from runner.commands.options import add_theme_option
from runner.commands.watching import open_dashboard
from runner.errors import ExitCode, UserError
from runner.version import VERSION

EPILOG = """\
Without a command the dashboard opens. Without a terminal nothing draws: `run` and `attach` narrate on stderr
and print the final table on stdout.

`help COMMAND` explains a command, `help metrics` every number.

exit codes: 0 finished · 1 the run failed · 2 bad input · 3 the run was stopped · 4 the run was lost
            5 slower, or an assertion failed · 6 not decided (both only where asked for)
            130 interrupted (Ctrl-C; the run itself goes on)

RUN is a run's id, a unique part of it (its last 4 letters), the name you gave it, its directory, or `last`;
so is SWEEP of a sweep.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; errors of the user's making are one sentence on stderr."""
    signals.forget_inherited()
    _say_what_the_terminal_can()
    words = explain.in_words(list(sys.argv[1:] if argv is None else argv))
    arguments = _parser().parse_args(words)
    try:
        command: Callable[[argparse.Namespace], int] = arguments.command
        return int(command(arguments))
    except UserError as error:
        print(f"trtbench-tui: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except BrokenPipeError:
        # The reader of our output left (`| head`); Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _say_what_the_terminal_can() -> None:
    """Where standard output is no UTF-8 (an old locale), `?` stands for a letter that it lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        sys.stdout.reconfigure(errors="replace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trtbench-tui",
        description="The terminal cockpit for TensorRT-LLM benchmarks.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"trtbench-tui {VERSION}")
    add_theme_option(parser)
    parser.set_defaults(command=open_dashboard)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for family in (
        runs,
        sweeps,
        compare,
        baseline,
        gate,
        history,
        export,
        archive,
        profiles,
        explain,
        machine,
        serve,
    ):
        family.add(commands)
    completion.add(commands, parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
