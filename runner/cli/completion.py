"""Completions of a command line for a shell, derived from the parser of the commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from runner.errors import UserError

SCRIPTS = {
    "bash": """\
# trtbench-tui: source this, e.g. from ~/.bashrc:  eval "$(trtbench-tui completion bash)"
_trtbench_tui() {
    mapfile -t COMPREPLY < <(trtbench-tui completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _trtbench_tui trtbench-tui
""",
    "zsh": """\
#compdef trtbench-tui
# trtbench-tui: source this, e.g. from ~/.zshrc after compinit:  eval "$(trtbench-tui completion zsh)"
_trtbench_tui() {
    local -a found
    found=("${(@f)$(trtbench-tui completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=(${found:#})
    if (( $#found )); then compadd -a found; else _files; fi
}
compdef _trtbench_tui trtbench-tui
""",
    "fish": """\
# trtbench-tui: source this, e.g. from config.fish:  trtbench-tui completion fish | source
function __trtbench_tui
    set -l words (commandline -opc)[2..] (commandline -ct)
    set -l found (trtbench-tui completion words -- $words 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c trtbench-tui -f -k -a '(__trtbench_tui)'
""",
}


_PLAIN = re.compile(r"[\w.:/=@%+,|-]+")
"""Words that no shell expands, splits or executes: names of runs can come from an archive of another user."""


@dataclass
class _Position:
    """A position in a command line: the parser of the next word, and what that word may be."""

    parser: argparse.ArgumentParser
    value_of: argparse.Action | None = None
    """the option whose value comes next"""
    arguments: int = 0
    """number of positional arguments before it"""
    profile: str = ""
    """the profile named earlier in the line"""


def complete_words(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Return the completions of the last word, in the order of the help; none where a file is expected.

    Args:
        parser: the parser of the whole command line.
        words: the words of the command line without `trtbench-tui`; the last one is unfinished.
    """
    *before, last = words or [""]
    if before[:1] == ["help"]:
        before = before[1:]
    position = _Position(parser)
    for word in before:
        _advance(position, word)
    # In a list separated by commas, the last element is completed.
    head, comma, rest = last.rpartition(",") if _takes_list(position) else ("", "", last)
    found = [word for word in _candidates(position, rest) if word.startswith(rest)]
    return [head + comma + word for word in found if _PLAIN.fullmatch(word)]


def _advance(position: _Position, word: str) -> None:
    """Move past a finished word."""
    if position.value_of is not None:
        position.value_of = None
    elif word.startswith("-"):
        option = position.parser._option_string_actions.get(word)
        if option is not None and option.nargs is None:
            position.value_of = option
    else:
        action = _positional(position)
        if isinstance(action, argparse._SubParsersAction) and word in action.choices:
            position.parser, position.arguments = action.choices[word], 0
            return
        if action is not None and action.metavar == "PROFILE":
            position.profile = position.profile or word
        position.arguments += 1


def _positional(position: _Position) -> argparse.Action | None:
    """Return the positional argument that comes next; the last one may take several words."""
    found = [action for action in position.parser._actions if not action.option_strings]
    if position.arguments < len(found):
        return found[position.arguments]
    return found[-1] if found and found[-1].nargs in ("*", "+") else None


def _candidates(position: _Position, last: str) -> Iterator[str]:
    action = position.value_of
    if action is None and last.startswith("-"):
        for option in position.parser._actions:
            if option.help != argparse.SUPPRESS:
                yield from option.option_strings
        return
    action = action or _positional(position)
    if action is None:
        return
    if isinstance(action, argparse._SubParsersAction):
        yield from (choice.dest for choice in action._choices_actions)
    elif action.choices is not None:
        yield from map(str, action.choices)
    elif action.metavar in COMPLETERS:
        yield from COMPLETERS[str(action.metavar)](position)


def _takes_list(position: _Position) -> bool:
    action = position.value_of or _positional(position)
    return action is not None and action.metavar in ("RUN", "SIDE")


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


def _paths(profile: str) -> Iterator[str]:
    """Yield the fields of a profile in the form of `--set`."""
    from runner.profile import store
    from runner.profile.fields import fields

    try:
        found = fields(store.find(profile).load())
    except UserError:
        return
    yield from (f"{field.path}=" for field in found)


COMPLETERS: dict[str, Callable[[_Position], Iterator[str]]] = {
    "PROFILE": lambda _: _profiles(),
    "RUN": lambda _: _runs(),
    "SIDE": lambda _: _runs(),
    "RUN|SWEEP": lambda _: chain(_runs(), _sweeps()),
    "SWEEP": lambda _: _sweeps(),
    "DELETED": lambda _: _deleted(),
    "METRIC": lambda _: _metrics(),
    "KEY": lambda _: _sorts(),
    "PATH=VALUE": lambda position: _paths(position.profile),
    "PATH=VALUES": lambda position: _paths(position.profile),
}
"""Completions of an argument, by its metavar in the help."""
