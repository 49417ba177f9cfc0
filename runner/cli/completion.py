"""Completing a command line: the shell asks, and the answer comes from the very parser of the commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from runner.errors import UserError

SCRIPTS = {
    "bash": """\
# trtbench-tui: source this, e.g. from ~/.bashrc:  eval "$(trtbench-tui completion bash)"
_trtbench_tui() {
    local IFS=$'\\n'
    COMPREPLY=( $(trtbench-tui completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) )
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


@dataclass
class _Place:
    """Where in a command line one is: the parser that reads the next word, and what that word may be."""

    parser: argparse.ArgumentParser
    value_of: argparse.Action | None = None
    """the option whose value comes next"""
    positional: int = 0
    profile: str = ""
    """the profile that was named before"""


def completions(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """What the last word may become, in the order of the help; nothing where files are meant.

    Args:
        parser: of the whole command.
        words: of the command line so far, the last one unfinished, without the command itself.
    """
    *before, last = words or [""]
    if before[:1] == ["help"]:
        before = before[1:]
    place = _Place(parser)
    for word in before:
        _pass(place, word)
    # Of several with commas between, the last one is completed.
    head, comma, rest = last.rpartition(",") if _takes_several(place) else ("", "", last)
    return [head + comma + word for word in _candidates(place, rest) if word.startswith(rest)]


def _pass(place: _Place, word: str) -> None:
    """Go past a finished word."""
    if place.value_of is not None:
        place.value_of = None
    elif word.startswith("-"):
        option = place.parser._option_string_actions.get(word)
        if option is not None and option.nargs is None:
            place.value_of = option
    else:
        action = _positional(place)
        if isinstance(action, argparse._SubParsersAction) and word in action.choices:
            place.parser, place.positional = action.choices[word], 0
            return
        if action is not None and action.metavar == "PROFILE":
            place.profile = place.profile or word
        place.positional += 1


def _positional(place: _Place) -> argparse.Action | None:
    """What the next word stands for that is no option; the last one may take several."""
    found = [action for action in place.parser._actions if not action.option_strings]
    if place.positional < len(found):
        return found[place.positional]
    return found[-1] if found and found[-1].nargs in ("*", "+") else None


def _candidates(place: _Place, last: str) -> Iterator[str]:
    action = place.value_of
    if action is None and last.startswith("-"):
        for option in place.parser._actions:
            if option.help != argparse.SUPPRESS:
                yield from option.option_strings
        return
    action = action or _positional(place)
    if action is None:
        return
    if isinstance(action, argparse._SubParsersAction):
        yield from (choice.dest for choice in action._choices_actions)
    elif action.choices is not None:
        yield from map(str, action.choices)
    elif action.metavar in WORDS:
        yield from WORDS[str(action.metavar)](place)


def _takes_several(place: _Place) -> bool:
    action = place.value_of or _positional(place)
    return action is not None and action.metavar in ("RUN", "SIDE")


def _profiles() -> Iterator[str]:
    from runner.profile import store

    yield from dict.fromkeys(stored.name for stored in store.list_profiles())


def _runs() -> Iterator[str]:
    """`last`, the ids, their last four letters, which are enough where they are unique, and given names."""
    from runner.history.labels import Labels
    from runner.run import layout

    runs = [run_dir.name for run_dir in layout.list_runs()]
    if runs:
        yield "last"
    yield from runs
    yield from (run.rpartition("_")[2] for run in runs)
    labels = Labels()
    labels.read()
    names = (labels.of(run).name for run in runs)
    yield from (name for name in names if name and not any(char.isspace() for char in name))


def _deleted() -> Iterator[str]:
    from runner.history import trash

    deleted = [trashed.run for trashed in trash.listed()]
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
    """The fields of a profile, as `--set` names them."""
    from runner.profile import store
    from runner.profile.fields import fields

    try:
        found = fields(store.find(profile).load())
    except UserError:
        return
    yield from (f"{field.path}=" for field in found)


WORDS: dict[str, Callable[[_Place], Iterator[str]]] = {
    "PROFILE": lambda _: _profiles(),
    "RUN": lambda _: _runs(),
    "SIDE": lambda _: _runs(),
    "RUN|SWEEP": lambda _: chain(_runs(), _sweeps()),
    "SWEEP": lambda _: _sweeps(),
    "DELETED": lambda _: _deleted(),
    "METRIC": lambda _: _metrics(),
    "KEY": lambda _: _sorts(),
    "PATH=VALUE": lambda place: _paths(place.profile),
    "PATH=VALUES": lambda place: _paths(place.profile),
}
"""What may stand where the help writes such a word."""
