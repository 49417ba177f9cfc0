"""Completion at Tab with argcomplete: the values that each kind of argument may have."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TextIO

import argcomplete
from argcomplete.completers import FilesCompleter

from runner.cli.options import SubCommands
from runner.util.errors import UserError

_PLAIN = re.compile(r"[\w.:/@][\w.:/=@%+, -]*")
"""Words in which argcomplete quotes all that a shell expands, splits or executes: the space.

Names of runs can come from an archive of another user. argcomplete does not quote `~` and `#`, among others.
"""
_HELP = re.compile(r"(\s*\S+\s+)help\s+")
LISTS = ("RUN", "SIDE")
"""metavars of arguments that may be lists separated by commas"""

Values = Callable[[argparse.Namespace], Iterable[str]]
"""From the arguments that are parsed so far to all values of an argument."""


def complete(
    parser: argparse.ArgumentParser,
    output: TextIO | None = None,
    exit_process: Callable[[int], object] = os._exit,
) -> None:
    """Write the completions of `COMP_LINE` for the shell that started this process at Tab, and exit.

    Args:
        parser: the parser of the whole command line.
        output: where to write; None: the file descriptor that argcomplete's script opens.
        exit_process: ends the process.
    """
    _skip_help()
    _set_completers(parser)
    argcomplete.autocomplete(
        parser,
        always_complete_options=False,
        output_stream=output,
        exit_method=exit_process,
        validator=lambda word, start: word.startswith(start) and word.isprintable(),
        default_completer=_Files(),
    )


def _skip_help() -> None:
    """Remove the `help` of `help COMMAND` from the line, because the parser has no such command."""
    line = os.environ["COMP_LINE"]
    match = _HELP.match(line)
    if match is not None:
        os.environ["COMP_LINE"] = match[1] + line[match.end() :]
        os.environ["COMP_POINT"] = str(int(os.environ["COMP_POINT"]) - (match.end() - match.end(1)))


def _set_completers(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, SubCommands):
            for below in action.choices.values():
                _set_completers(below)
        elif action.metavar in COMPLETERS:
            completer = _Completer(COMPLETERS[str(action.metavar)], takes_list=action.metavar in LISTS)
            action.completer = completer  # type: ignore[attr-defined]  # the attribute is argcomplete's


class _Files(FilesCompleter):
    """File names, for shells that do not complete them by themselves where nothing else is found."""

    def __call__(self, prefix: str, **context: object) -> list[str]:
        return [] if os.environ.get("_ARGCOMPLETE_SHELL") == "bash" else super().__call__(prefix, **context)


class _Completer:
    """The values of an argument, or files where no value begins with the word under the cursor."""

    def __init__(self, values: Values, *, takes_list: bool) -> None:
        self._values = values
        self._takes_list = takes_list

    def __call__(self, *, prefix: str, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
        # In a list separated by commas, the last element is completed.
        head, comma, start = prefix.rpartition(",") if self._takes_list else ("", "", prefix)
        found = [
            word for word in self._values(parsed_args) if word.startswith(start) and _PLAIN.fullmatch(word)
        ]
        return [head + comma + word for word in found] or _Files()(prefix)


def _profiles() -> Iterator[str]:
    from runner.profile import store

    yield from dict.fromkeys(stored.name for stored in store.list_profiles())


def _runs() -> Iterator[str]:
    """Yield `last`, the ids, their last four letters, and names."""
    from runner.history.labels import Labels
    from runner.run import layout

    runs = [run_dir.name for run_dir in layout.list_runs()]
    if runs:
        yield "last"
    yield from runs
    yield from (run.rpartition("_")[2] for run in runs)
    labels = Labels()
    labels.read()
    yield from filter(None, (labels.of(run).name for run in runs))


def _deleted() -> Iterator[str]:
    from runner.history import trash

    deleted = [trashed.run for trashed in trash.list_trash()]
    if deleted:
        yield "last"
    yield from deleted


def _sweeps() -> Iterator[str]:
    from runner.run.layout import list_sweeps

    yield from (sweep.name for sweep in list_sweeps())


def _metrics() -> Iterator[str]:
    from runner.metrics import BY_NAME
    from runner.metrics.lookup import ALIASES

    yield from (*BY_NAME, *ALIASES)


def _sorts() -> Iterator[str]:
    from runner.history.ordering import BY_NAME

    yield from BY_NAME


def _fields(parsed: argparse.Namespace) -> Iterator[str]:
    """Yield the fields of the first profile in the line, in the form of `--set`."""
    from runner.profile import store
    from runner.profile.fields import fields

    profile: str | None = parsed.profile if "profile" in parsed else next(iter(parsed.profiles or []), None)
    if profile is not None:
        with suppress(UserError):
            yield from (f"{field.path}=" for field in fields(store.find(profile).load()))


COMPLETERS: dict[str, Values] = {
    "PROFILE": lambda _: _profiles(),
    "RUN": lambda _: _runs(),
    "SIDE": lambda _: _runs(),
    "RUN|SWEEP": lambda _: chain(_runs(), _sweeps()),
    "RUN|ARCHIVE": lambda _: _runs(),
    "SWEEP": lambda _: _sweeps(),
    "DELETED": lambda _: _deleted(),
    "METRIC": lambda _: _metrics(),
    "KEY": lambda _: _sorts(),
    "PATH=VALUE": _fields,
    "PATH=VALUES": _fields,
}
"""Completions of an argument, by its metavar in the help."""
