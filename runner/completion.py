"""Completing a command line: the shell asks, and the answer comes from the very parser of the commands."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
    place = _Place(parser)
    for word in before:
        _pass(place, word)
    return [word for word in _candidates(place, last) if word.startswith(last)]


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
    elif action.metavar == "PROFILE":
        yield from _profiles()
    elif action.metavar in ("RUN", "SIDE"):
        yield from _runs()
    elif action.metavar == "SWEEP":
        yield from _sweeps()
    elif action.metavar == "PATH=VALUE":
        yield from _paths(place.profile)


def _profiles() -> Iterator[str]:
    from runner.profile import store

    yield from dict.fromkeys(stored.name for stored in store.list_profiles())


def _runs() -> Iterator[str]:
    """`last`, the ids, and their last four letters, which are enough where they are unique."""
    from runner import rundir

    runs = [run_dir.name for run_dir in rundir.list_runs()]
    if runs:
        yield "last"
    yield from runs
    yield from (run.rpartition("_")[2] for run in runs)


def _sweeps() -> Iterator[str]:
    from runner.sweep import directory

    yield from (sweep.name for sweep in directory.list_sweeps())


def _paths(profile: str) -> Iterator[str]:
    """The fields of a profile, as `--set` names them."""
    from runner.profile import store
    from runner.profile.fields import fields

    try:
        found = fields(store.find(profile).load())
    except UserError:
        return
    yield from (f"{field.path}=" for field in found)
