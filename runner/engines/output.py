"""How the supervisor reads the output of an engine's programs: line by line while a stage runs, files after.

Every parser is a pure function of text, so it can be tested with a recorded log. A parser returns None for a
line that it does not know; the supervisor calls all of them for every line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runner import events as ev
from runner.engines.known_failures import KnownFailure
from runner.plan.plan import Stage

ParsedEvent = ev.AnyEvent | None
"""The event that a line reports; None: the line means nothing"""

LineParser = Callable[[str, int, int], ParsedEvent]
"""Reads a line, given with the time (ns) and the index of the stage for the event"""


class OutputNotice(NamedTuple):
    """A warning for the user that does not end the stage."""

    text: str
    """one sentence in this program's words"""
    explains_missing_result: bool = False
    """the program skipped or lost a measurement; the reason of the failure when no result follows"""
    out_of_memory: str = ""
    """the configuration that the program skipped because GPU memory ran out, as printed; empty: none"""


@dataclass(frozen=True)
class FinishedStage:
    """A stage that has ended, for `OutputReader.collect_results`."""

    t: int
    """when it ended (monotonic, ns)"""
    stage: Stage
    index: int
    log: str
    """its output; of a long output the end"""
    read: Callable[[str], bytes | None]
    """contents of one of `Stage.files`, by its key; None when the file does not exist"""
    stages: Sequence[Stage] = ()
    """all stages of the plan"""


def _ignore_line(_: str) -> None:
    return None


def _no_hang(_: str, __: int) -> None:
    return None


def _no_answers(_: str) -> list[tuple[str, str]]:
    return []


def _no_event(_: str, __: int, ___: int) -> ParsedEvent:
    return None


def _no_results(_: FinishedStage) -> Iterator[ev.AnyEvent | OutputNotice]:
    return iter(())


@dataclass(frozen=True)
class OutputReader:
    """The parsers of an engine. Only `parse_result` is required."""

    parse_result: Callable[[str], dict[str, str] | None]
    """keys and values of a line that states a result, as printed"""
    parse_notice: Callable[[str], OutputNotice | None] = _ignore_line
    """a warning that the user should see"""
    hang_reason: Callable[[str, int], str | None] = _no_hang
    """why a program that printed this line on so many ranks never ends by itself; the supervisor ends it"""
    parse_answers: Callable[[str], list[tuple[str, str]]] = _no_answers
    """prompts and answers in the whole output of a stage named `smoke`"""
    progress_parser: Callable[[], LineParser] | None = None
    """makes a parser of progress lines with its own state, one a stage; None: the ranks report progress"""
    memory_parser: Callable[[], LineParser] | None = None
    """makes a parser of lines about the memory of a GPU, one a stage; None: the ranks record it"""
    parse_iteration: LineParser = _no_event
    """reads a line of the file `iterations` of `Stage.files`, which the supervisor follows while it grows"""
    shutdown_step: Callable[[str], str | None] = _ignore_line
    """what the program must still do within `Stage.shutdown_s` after this line; empty: it is done"""
    collect_results: Callable[[FinishedStage], Iterator[ev.AnyEvent | OutputNotice]] = _no_results
    """results in the output and files of a stage that has ended"""
    marks: tuple[bytes, ...] = ()
    """texts in lines that a run cannot do without; others are skipped when there are too many to parse"""
    known_failures: tuple[KnownFailure, ...] = ()
    """causes of failures that the programs of the engine print; the first match wins"""
