"""How an engine's output is read, line by line, while a stage runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runner import events as ev
from runner.engines.diagnosis import Known
from runner.plan.plan import Stage


def _nothing(_: str) -> None:
    return None


def _no_answers(_: str) -> list[tuple[str, str]]:
    return []


NO_REQUEST = "measured no request"
"""In the notice of an engine whose report is one of nothing."""

Told = Callable[[str, int, int], ev.AnyEvent | None]
"""What a line says, given with the time and the number of its stage; None: nothing"""


def _nothing_told(_: str, __: int, ___: int) -> ev.AnyEvent | None:
    return None


def _no_files(_: Written) -> Iterator[ev.AnyEvent]:
    return iter(())


@dataclass(frozen=True)
class Written:
    """What a stage has left behind when it ended."""

    t: int
    stage: Stage
    index: int
    log: str
    """its output, the end of it where there is much"""
    read: Callable[[str], bytes | None]
    """contents of one of its files; None when there is none"""


@dataclass(frozen=True)
class OutputReader:
    """What lines of an engine's programs mean; each function answers None for every other line."""

    result_of: Callable[[str], dict[str, str] | None]
    """keys and values of a line that states a result, as printed"""
    notice_of: Callable[[str], str | None] = _nothing
    """what a user should see although the stage goes on, in our words"""
    hang_after: Callable[[str], str | None] = _nothing
    """why a program that printed this line will never end by itself"""
    answers_in: Callable[[str], list[tuple[str, str]]] = _no_answers
    """prompts and answers in the whole output of a smoke run"""
    progress: Callable[[], Told] | None = None
    """makes a reader of how far the program is, with a memory of its own for every stage; None: it reports"""
    iteration_of: Told = _nothing_told
    """what a line of the stage's file `iterations` says, which is followed while it grows"""
    ends_after: Callable[[str], str | None] = _nothing
    """what a program that printed this line must do within `Stage.shutdown_s`; empty: it is done"""
    left_in: Callable[[Written], Iterator[ev.AnyEvent]] = _no_files
    """results in what the stage has left behind"""
    known_failures: tuple[Known, ...] = ()
    """what its programs are known to say when they fail"""
