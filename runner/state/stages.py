"""The state of the stages of a run and of their ranks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from runner import events as ev
from runner.stats import Mean


class StageState(msgspec.Struct):
    index: int
    name: str
    started: int
    ranks: int
    pid: int
    ended: int | None = None
    status: ev.StageStatus | Literal["running"] = "running"
    exit_code: int | None = None
    note: str = ""
    """why it was skipped"""


@dataclass(slots=True)
class RankState:
    """One rank of the current or last stage."""

    rank: int
    hello: ev.Hello | None = None
    bye: ev.Bye | None = None
    records: int = 0
    """records of this rank without `bye`: the count that its `bye` must state"""
    config: int = -1
    i: int = -1
    phase: ev.IterationPhase = "warmup"
    timed: Mean = field(default_factory=Mean)
    """latencies of the current configuration of this rank, milliseconds"""
    last_t: int = 0

    @property
    def complete(self) -> bool:
        return self.bye is not None and self.bye.count == self.records
