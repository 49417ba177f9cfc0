"""How an engine's output is read, line by line, while a stage runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runner.diagnosis import Known


def _nothing(_: str) -> None:
    return None


def _no_answers(_: str) -> list[tuple[str, str]]:
    return []


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
    known_failures: tuple[Known, ...] = ()
    """what its programs are known to say when they fail"""
