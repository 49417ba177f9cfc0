"""What a run is made of that was measured elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner import events as ev
from runner.engines.source import Source
from runner.plan.plan import Configuration


@dataclass(frozen=True)
class Imported:
    """One run, as its files tell of it."""

    engine: str
    name: str
    """stands where a profile's name does"""
    summary: str
    events: list[ev.AnyEvent]
    configurations: list[Configuration]
    sources: tuple[Source, ...]


def plain_name(text: str) -> str:
    """Any name as that of a profile, or of a file in an archive, may be."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:64] or "imported"
