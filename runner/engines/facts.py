"""What preflight finds out about a machine, for the checks of every engine.

`runner.preflight` gathers these facts; the checks of an engine only judge them, so that every judgement can
be tested with any facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from runner.plan.plan import Plan
from runner.schema.base import Container


@dataclass(frozen=True, kw_only=True)
class Questions:
    """What an engine asks about the machine, or the container, that its stages run in."""

    paths: list[str] = field(default_factory=list)
    """which of these exist"""
    texts: list[str] = field(default_factory=list)
    """files to read whole"""
    weights: list[str] = field(default_factory=list)
    """folders whose weight files are to be added up"""
    disks: list[str] = field(default_factory=list)
    """folders whose free space is wanted"""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the interpreter of the measured processes sees (see `preflight/probe.py`)."""

    python: str = "3.12.3"
    packages: dict[str, str] = {}
    programs: dict[str, str | None] = {}
    exists: dict[str, bool] = {}
    texts: dict[str, str] = {}
    weights: dict[str, int] = {}
    free: dict[str, int] = {}
    shm: int = 0
    memlock: int = -1
    """bytes; -1: unlimited"""
    root: bool = False
    cores: int = 1
    env: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Gpu:
    name: str
    total: int
    """bytes"""
    used: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that the checks look at."""

    python: str
    seen: Seen | None
    """None: the interpreter does not run"""
    mpirun: str = ""
    """how mpirun is called; empty: there is none"""
    gpu_count: int = 0
    gpus: tuple[Gpu, ...] | None = None
    """None: nvidia-smi did not answer"""
    gpu_processes: tuple[str, ...] = ()
    """`pid name` of each program that computes on a GPU now"""
    container: Container | None = None
    container_tool: bool = True
    container_runs: bool = True
    plan: Plan | None = None
    refused: str = ""
    """why there is no plan"""
    helps: Mapping[str, str] = field(default_factory=dict)
    """what `--help` of the engine's programs, or of their commands, prints"""
    environment: dict[str, str] = field(default_factory=dict)
    """variables of the profile for the measured processes"""
    no_home: str = ""
    """why no run can be kept"""
    ends_at_logout: bool = False
    """logging out ends what was started here, detached or not"""

    def makes(self, stage: str) -> bool:
        """Whether a stage would run now, so that its output is made."""
        return self.plan is not None and any(s.name == stage and not s.skip for s in self.plan.stages)
