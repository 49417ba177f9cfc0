"""Following a run: the one way in which screens and commands learn what happens in it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from runner.events import AnyEvent
from runner.events.journal import EventReader
from runner.plan.plan import Plan
from runner.run import layout
from runner.state.run import RunState

LIVENESS_S = 1.0
"""How often a silent run is checked for a supervisor."""


Tell = Callable[[list[AnyEvent]], None]


class Feed(Protocol):
    """A run to look at: live, finished or replayed; readers need not care which."""

    run_dir: Path
    plan: Plan
    state: RunState
    live: bool
    """False for a replay: nothing can be stopped"""

    def drain(self, budget_s: float, tell: Tell | None = None) -> int:
        """Take in what arrived, for at most about `budget_s` seconds.

        Args:
            budget_s: seconds.
            tell: gets the events, a few at a time, when the state has them. Nothing else keeps them: a log of
                a day is larger than the memory that reading it may take.

        Returns:
            how many events were taken in.
        """
        ...

    def now(self) -> int:
        """The time to measure elapsed time against, ns, on the clock of the events."""
        ...

    @property
    def loaded(self) -> float:
        """Share of the existing log that was taken in, 0 to 1."""
        ...

    @property
    def gone(self) -> bool:
        """The run directory was deleted."""
        ...


@dataclass
class RunFeed:
    """Follows the log of a run that lives or has ended."""

    run_dir: Path
    plan: Plan
    state: RunState = field(default_factory=RunState)
    live: bool = True
    _reader: EventReader = field(init=False)
    _checked: float = 0.0

    def __post_init__(self) -> None:
        self._reader = EventReader(self.run_dir / layout.EVENTS)

    def drain(self, budget_s: float, tell: Tell | None = None) -> int:
        start = time.monotonic()
        taken = 0
        while events := self._reader.read():
            taken += self._take(events, tell)
            if time.monotonic() - start > budget_s:
                break
        if not taken and self.state.running and start - self._checked > LIVENESS_S:
            self._checked = start
            from runner.history.recovery import recover  # not before it is needed: it is a tenth of the start

            closing = recover(self.run_dir)
            if closing is not None:
                taken = self._take_the_end(closing, tell)
        return taken

    def _take(self, events: list[AnyEvent], tell: Tell | None) -> int:
        self.state.apply_all(events)
        if tell is not None:
            tell(events)
        return len(events)

    def _take_the_end(self, closing: list[AnyEvent], tell: Tell | None) -> int:
        """The last events of a run that nobody supervises, also where they could not be written."""
        taken = 0
        while events := self._reader.read():
            taken += self._take(events, tell)
        if self.state.running:
            taken += self._take(closing, tell)
        return taken

    def now(self) -> int:
        return time.monotonic_ns()

    @property
    def loaded(self) -> float:
        return self._reader.progress

    @property
    def gone(self) -> bool:
        return not self.run_dir.is_dir()


@dataclass
class ReplayFeed:
    """Plays a recorded log again, `speed` times as fast as it happened."""

    run_dir: Path
    plan: Plan
    speed: float = 1.0
    state: RunState = field(default_factory=RunState)
    live: bool = False
    _pending: deque[AnyEvent] = field(default_factory=deque)
    _reader: EventReader = field(init=False)
    _began: float | None = None
    _first: int = 0

    def __post_init__(self) -> None:
        self._reader = EventReader(self.run_dir / layout.EVENTS)
        self._refill()

    def drain(self, budget_s: float, tell: Tell | None = None) -> int:
        start = time.monotonic()
        if self._began is None:
            self._began = start
            self._first = self._pending[0].t if self._pending else 0
        now = self.now()
        taken = 0
        while self._pending and self._pending[0].t <= now and time.monotonic() - start <= budget_s:
            event = self._pending.popleft()
            self.state.apply(event)
            taken += 1
            if tell is not None:
                tell([event])
            if not self._pending:
                self._refill()
        return taken

    def now(self) -> int:
        if self._began is None:
            return self._first
        return self._first + round((time.monotonic() - self._began) * self.speed * 1e9)

    @property
    def over(self) -> bool:
        return not self._pending

    @property
    def loaded(self) -> float:
        return 1.0

    @property
    def gone(self) -> bool:
        return not self.run_dir.is_dir()

    def _refill(self) -> None:
        self._pending.extend(self._reader.read())


def open_feed(run_dir: Path) -> RunFeed:
    """Follow a run.

    Raises:
        UserError: the directory is no run that this version can read.
    """
    return RunFeed(run_dir, layout.load_plan(run_dir))


def open_replay(run_dir: Path, speed: float) -> ReplayFeed:
    """Replay a run.

    Raises:
        UserError: the directory is no run that this version can read.
    """
    return ReplayFeed(run_dir, layout.load_plan(run_dir), speed)
