"""The command `trtbench-tui`. Light to import: each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence

from runner import VERSION, paths
from runner.cli import (
    archive,
    assertions,
    baseline,
    compare,
    completion_command,
    export,
    history,
    machine,
    metrics,
    profiles,
    runs,
    serve,
    sweeps,
)
from runner.cli.dashboard import open_dashboard
from runner.cli.options import add_theme_option
from runner.errors import ExitCode, UserError
from runner.util import signals

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
    _open_what_is_closed()
    _say_what_the_terminal_can()
    words = metrics.in_words(list(sys.argv[1:] if argv is None else argv))
    arguments = _parser().parse_args(words)
    code: int = ExitCode.OK
    try:
        if not arguments.without_runs:
            paths.refuse_unusable_home()
        command: Callable[[argparse.Namespace], int] = arguments.command
        code = int(command(arguments))
        sys.stdout.flush()  # what cannot be written is said here, not when Python ends
        return code
    except UserError as error:
        _say(str(error))
        return ExitCode.BAD_INPUT
    except BrokenPipeError:
        _drop_output()  # its reader left (`| head`), which makes no FAIL a PASS
        return code
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        what = f"{error.filename}: " if error.filename else "the output cannot be written: "
        _say(f"{what}{error.strerror or error}")
        return ExitCode.BAD_INPUT
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _say(sentence: str) -> None:
    """A sentence on stderr, without what would move the cursor: names that it repeats may hold anything."""
    plain = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in sentence)
    with contextlib.suppress(OSError):  # where nobody reads it, the exit code tells
        print(f"trtbench-tui: {plain}", file=sys.stderr, flush=True)


def _open_what_is_closed() -> None:
    """A standard stream that was closed (`>&-`) is empty, and no other file gets its number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _drop_output() -> None:
    """What is left of standard output goes nowhere; Python must not complain about it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_what_the_terminal_can() -> None:
    """Where standard output is no UTF-8 (an old locale), `?` stands for a letter that it lacks.

    Names of files that are no text are printed as they are.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        utf8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if utf8 else "replace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trtbench-tui",
        description="The terminal cockpit for TensorRT-LLM benchmarks.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"trtbench-tui {VERSION}")
    add_theme_option(parser)
    # `without_runs`: the command works also where runs cannot be looked for.
    parser.set_defaults(command=open_dashboard, without_runs=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for family in (
        runs,
        sweeps,
        compare,
        baseline,
        assertions,
        history,
        export,
        archive,
        profiles,
        metrics,
        machine,
        serve,
    ):
        family.add(commands)
    completion_command.add(commands, parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
