"""A run that was measured without this program, ready to be stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runner import events as ev
from runner.engines.imported_files import SourceFile
from runner.plan.plan import Configuration


@dataclass(frozen=True)
class ImportedRun:
    """One run, made from its result files."""

    engine: str
    name: str
    """takes the place of a profile's name"""
    summary: str
    events: list[ev.AnyEvent]
    configurations: list[Configuration]
    sources: tuple[SourceFile, ...]
    stated: dict[str, str] = field(default_factory=dict)
    """conditions of the numbers that the result states, by the names of `runner.compare.conditions`"""


def started(index: int, wanted: Configuration) -> ev.ConfigurationStarted:
    """Return the event with which a configuration of requests in flight begins."""
    return ev.ConfigurationStarted(
        t=0, stage=index, index=index, num_runs=0, duration=0.0, warm_up=0,
        batch_size=0, input_len=wanted.input_len, output_len=wanted.output_len,
        requests=wanted.requests, concurrency=wanted.concurrency,
    )  # fmt: skip


def safe_name(text: str) -> str:
    """Turn any text into a valid name of a profile or of a file in an archive."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:64] or "imported"
