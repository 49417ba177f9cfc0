"""The command `trtbench-tui`. Light to import: only the command that is given is imported and parsed."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from runner import VERSION
from runner.cli.dashboard import open_dashboard
from runner.cli.examples import add_examples
from runner.cli.options import CommandParser, SubCommands, add_host_option, add_theme_option
from runner.util import imports, paths, signals
from runner.util.console import clean_output
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode
from runner.util.threads import on_thread_error

SERVE_STDIO = "serve-stdio"
"""The other end of `--host`, which ssh starts; not a command for people, so no help lists it."""
NEAREST = 3
"""commands that an unknown one is answered with"""
COMMAND_GROUPS: dict[str, tuple[str, ...]] = {
    "runs": ("run", "attach", "logs", "wait", "stop", "show", "replay"),
    "history": ("ls", "trend", "tag", "note", "rename", "rm", "trash"),
    "sweeps and comparison": ("sweep", "ab", "tune", "sweeps", "compare", "baseline", "check"),
    "results": ("export", "archive", "import", "verify", "metrics", "published"),
    "profiles, machine and setup": ("profiles", "doctor", "gpus", "serve", "completion"),
}
"""Headings of `--help` and the commands below each, in the order in which they are printed."""
FAMILIES = {
    "run": "run_command", "attach": "runs", "stop": "runs", "show": "runs", "replay": "runs",
    "logs": "run_logs", "wait": "run_logs",
    "sweep": "sweeps", "ab": "sweeps", "sweeps": "sweeps",
    "tune": "tune", "compare": "compare", "baseline": "baseline", "check": "assertions",
    "ls": "history", "trend": "history", "tag": "history", "note": "history", "rename": "history",
    "rm": "history", "trash": "history",
    "export": "export", "archive": "archive", "import": "archive", "published": "published",
    "verify": "verify", "profiles": "profiles", "metrics": "metrics",
    "doctor": "doctor", "gpus": "doctor", "serve": "serve", "completion": "completion_command",
}  # fmt: skip
"""Each command, and the module of `runner.cli` that adds it to the parser."""

ARGUMENTS = {
    "RUN": "id, part of the id, name or directory of a run; or `last`",
    "SWEEP": "id, part of the id or directory of a sweep; or `last`",
    "RUN|SWEEP": "id, part of the id or directory of a run or a sweep; or `last`",
    "PROFILE": "name of a profile or path of its file",
    "NEW_NAME": "name of the copy",
}
"""Help of positional arguments that several commands take, by metavar."""

EPILOG = """\
Without a command, the dashboard opens. Without a terminal, `run` and `attach`
report progress on stderr and print the final table on stdout.

`help COMMAND` explains a command, `help metrics` every number.

RUN is the id of a run, a unique part of the id (its last 4 letters), the name
you gave it, its directory, or `last`. SWEEP names a sweep in the same way.
With --host, RUN is one of those machines; HOST:RUN says which.

exit codes:
  0    success; the run finished
  1    the run failed
  2    bad input
  3    the run was stopped
  4    the run was lost
  5    slower, or an assertion failed (only if asked for)
  6    undecided (only if asked for)
  7    not comparable, so no verdict (only if asked for)
  70   an internal error of trtbench-tui
  130  interrupted with Ctrl-C; the run itself continues
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user's mistake prints one sentence on stderr."""
    signals.reset_inherited_signals()
    _reopen_closed_streams()
    _set_output_errors()
    failed: list[ExitCode] = []
    with clean_output(), on_thread_error(lambda error: failed.append(_report_crash(error))):
        try:
            code = _run(argv)
        except Exception as error:
            return _report_crash(error)
        return failed[0] if failed else code


def _report_crash(error: BaseException) -> ExitCode:
    from runner.cli.crash import report_crash

    return report_crash(error)


def _run(argv: Sequence[str] | None) -> int:
    options = _expand_help_topic(list(sys.argv[1:] if argv is None else argv))
    code: int = ExitCode.OK
    try:
        if "_ARGCOMPLETE" in os.environ:  # a shell asks at Tab; other commands do not import argcomplete
            from runner.cli.completion import complete

            complete(build_parser())
        if options == [SERVE_STDIO]:
            from runner.fleet.stdio import serve_stdio

            return serve_stdio()
        arguments = _parse(options)
        if os.environ.get("TRTBENCH_LOG"):  # `logging` takes time to import
            from runner.util.logs import set_up_logging

            set_up_logging()
        if not arguments.without_runs:
            paths.check_home()
        command: Callable[[argparse.Namespace], int] = arguments.command
        if arguments.hosts is not None:
            from runner.cli.fleet import run_on_hosts as command
        code = int(command(arguments))
        sys.stdout.flush()  # report a write error here, not when Python exits
        return code
    except UserError as error:
        _print_error(str(error))
        return ExitCode.BAD_INPUT
    except BrokenPipeError:
        _discard_output()  # the reader closed the pipe (`| head`); the exit code stays the command's
        return code
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()
        what = f"{error.filename}: " if error.filename else "the output cannot be written: "
        _print_error(f"{what}{error.strerror or error}")
        return ExitCode.BAD_INPUT
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _expand_help_topic(arguments: list[str]) -> list[str]:
    """Replace `help TOPIC` and `--help TOPIC` by the command that answers them; return others unchanged."""
    if not arguments or arguments[0] not in ("help", "-h", "--help"):
        return arguments
    topic = arguments[1:]
    if topic[:1] == ["metrics"]:
        return topic
    return [*topic, "--help"]


def _parse(options: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments; only the command that they name is imported.

    Raises:
        UserError: there is no such command.
    """
    word = _command_word(options)
    families = [FAMILIES[word]] if word else []
    # Without a command, options may ask for help or be wrong.
    return build_parser(families if word or not options else None).parse_args(options)


def _command_word(options: Sequence[str]) -> str:
    """Return the command in the arguments; empty: there is none.

    Raises:
        UserError: it is unknown. The message names the nearest ones; argparse would list all of them.
    """
    words = iter(options)
    for word in words:
        if word in ("--theme", "--host"):
            next(words, None)
        elif not word.startswith("-"):
            break
    else:
        return ""
    if word not in FAMILIES:
        from difflib import get_close_matches

        known = [name for group in COMMAND_GROUPS.values() for name in group]
        nearest = ", ".join(get_close_matches(word, known, n=NEAREST, cutoff=0.0))
        raise UserError(
            f"there is no command {word!r}; the nearest are {nearest}",
            hint="`trtbench-tui --help` lists all commands",
        )
    return word


def _print_error(sentence: str) -> None:
    """Print a sentence on stderr."""
    with contextlib.suppress(OSError):  # without a reader, the exit code still reports the error
        print(f"trtbench-tui: {sentence}", file=sys.stderr, flush=True)


def _reopen_closed_streams() -> None:
    """Open /dev/null for each closed standard stream (`>&-`), so that no other file gets its descriptor."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _discard_output() -> None:
    """Send the rest of standard output to /dev/null, so that Python reports no error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _set_output_errors() -> None:
    """Print `?` for characters that standard output cannot encode (an old locale, not UTF-8).

    With UTF-8, file names that are not valid text are printed as their bytes.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        utf8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if utf8 else "replace")


def build_parser(families: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        families: modules of the commands to parse; None: all, which takes a twentieth of a second.
    """
    parser: argparse.ArgumentParser = CommandParser(
        prog="trtbench-tui",
        usage="%(prog)s [-h] [--version] [--theme THEME] [--host HOSTS]\n" + " " * 20 + "[COMMAND ...]",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"trtbench-tui {VERSION}")
    add_theme_option(parser)
    add_host_option(parser)
    # `without_runs`: the command also works when the directory of the runs cannot be read.
    parser.set_defaults(command=open_dashboard, without_runs=False, on_hosts=None)
    # The description lists the commands in groups; argparse can print one list only.
    commands = parser.add_subparsers(metavar="COMMAND", prog=parser.prog, help=argparse.SUPPRESS)
    wanted = dict.fromkeys(FAMILIES.values()) if families is None else families
    with imports.uncollected():
        modules = [import_module(f"runner.cli.{family}") for family in wanted]
    for module in modules:
        module.add(commands)
    if families is None:
        parser.description = f"The terminal cockpit for TensorRT-LLM benchmarks.\n\n{_command_list(commands)}"
    _describe_commands(commands)
    add_examples(commands)
    return parser


def _command_list(commands: SubCommands[argparse.ArgumentParser]) -> str:
    """Return the commands in their groups, one line each."""
    summaries = {choice.dest: choice.help for choice in commands._choices_actions}
    groups = (
        f"{title}:\n" + "".join(f"  {name:<10}  {summaries[name]}\n" for name in names)
        for title, names in COMMAND_GROUPS.items()
    )
    return "\n".join(groups)


def _describe_commands(commands: SubCommands[argparse.ArgumentParser]) -> None:
    """Complete the help pages: the line of the list as description, and the meaning of common arguments."""
    for choice in commands._choices_actions:
        command = commands.choices[choice.dest]
        summary = choice.help or ""
        command.description = command.description or f"{summary[:1].upper()}{summary[1:]}."
        for action in command._actions:
            if isinstance(action, SubCommands):
                _describe_commands(action)
            elif action.help is None:
                action.help = ARGUMENTS.get(str(action.metavar))


if __name__ == "__main__":
    sys.exit(main())
