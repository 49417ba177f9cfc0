"""What an engine provides. Each folder below `runner/engines/` makes one `Engine` of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from runner.engines.check import Check
from runner.engines.facts import Facts, Questions, Seen
from runner.engines.imported import Imported
from runner.engines.output import OutputReader
from runner.engines.source import Source
from runner.plan.plan import Plan
from runner.schema.base import Container, Problem, Profile

P = TypeVar("P", bound=Profile)


def _nothing(*_: Any) -> None:
    return None


def _no_questions(_: Any) -> Questions:
    return Questions()


def _no_help(*_: Any) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Preflight(Generic[P]):
    """What an engine adds to the checks of the machine (`runner.preflight`)."""

    checks: Callable[[P, Facts, Seen], Iterator[Check]]
    ranks: Callable[[P], int]
    """how many ranks, on a GPU each where GPUs are used"""
    uses_gpus: Callable[[P], bool] = lambda _: True
    mpirun: Callable[[P], str | None] | None = None
    """the mpirun that a profile names, None for the one that is found; no function: ranks need no mpirun"""
    container: Callable[[P], Container | None] = _nothing
    """the container that the stages run in"""
    questions: Callable[[P], Questions] = _no_questions
    before_plan: Callable[[P], None] = _nothing
    """finds out what the plan depends on and keeps it, where that takes long"""
    program_helps: Callable[[P, Plan | None], Mapping[str, str]] = _no_help
    """what `--help` of the programs that the plan starts prints, by a name of the engine's choice"""


@dataclass(frozen=True, kw_only=True)
class Importer:
    """How results that were made without this program become runs."""

    wanted: str
    """the files that it takes, in a sentence"""
    read: Callable[[Source], object | None]
    """what a file holds, for `imported`; None when it is not of this engine

    Raises:
        UserError: it is, but cannot be read."""
    imported: Callable[[Sequence[Any], Sequence[int]], list[Imported]]
    """the runs of what was read, given the concurrencies that the user states

    Raises:
        UserError: the files do not belong together, or hold no result."""
    takes_concurrency: bool = False
    """whether `imported` goes by the concurrencies"""
    failure_in: Callable[[str], str]
    """why a console log holds no result, in a sentence; empty when it does not say"""


@dataclass(frozen=True, kw_only=True)
class Engine(Generic[P]):
    """A system that can be benchmarked."""

    profile: type[P]
    """the struct of its profiles; its tag is the name of the engine"""
    rules: Callable[[P], list[Problem]]
    """rules between the fields of a profile"""
    plan: Callable[[P, Path], Plan]
    """stages, files and devices of a run in a directory

    Raises:
        UserError: something that the profile names is missing or does not fit."""
    output: OutputReader
    model_label: Callable[[P], str]
    """the model in a word, for lists of profiles"""
    parallel_label: Callable[[P], str]
    """how it is spread over ranks: `tp 2`"""
    preflight: Preflight[P]
    importer: Importer | None = None

    @property
    def name(self) -> str:
        return str(self.profile.__struct_config__.tag)
