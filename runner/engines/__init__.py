"""What can be benchmarked: one module a system, each turns a profile into stages and reads its output."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from runner.engines import torch
from runner.plan import Plan
from runner.profile import Profile


class Engine(Protocol):
    """What a module of this package offers."""

    def plan(self, profile: Profile, run_dir: Path) -> Plan:
        """Stages, files and devices of a run.

        Raises:
            UserError: something that the profile names is missing or does not fit.
        """
        ...

    def result_of(self, line: str) -> dict[str, str] | None:
        """Keys and values of an output line that states a result; None for every other line."""
        ...


_ENGINES: dict[str, Engine] = {"torch": torch}


def engine_of(profile: Profile) -> Engine:
    return _ENGINES[profile.engine]


def engine_named(name: str) -> Engine:
    return _ENGINES[name]
