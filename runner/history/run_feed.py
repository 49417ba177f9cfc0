"""Follow a run: the one source of its events and state for screens and commands."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from runner import events as ev
from runner.events import AnyEvent
from runner.events.journal import EventReader
from runner.plan.masking import reader_mask
from runner.plan.plan import Plan
from runner.run import layout
from runner.run.liveness import Liveness, check, is_mirror, mirror_problem
from runner.state.run import RunState
from runner.util.formatting import duration
from runner.util.processes import boot_id

LIVENESS_S = 1.0
"""How often the supervisor of a silent run is checked."""


CUT_OFF_S = 10.0
"""How long nothing may arrive of another machine's run; in a stage, its load is reported every second."""
LONGEST_PAUSE_NS = 3600 * 10**9
"""A replay skips longer pauses, among them those before events that are dated far in the future."""
_TRUNCATED = "the log became shorter while it was followed: events are lost, and numbers may be wrong"

EventCallback = Callable[[list[AnyEvent]], None]


class Feed(Protocol):
    """A run that is live, finished or replayed; readers treat them equally."""

    run_dir: Path
    plan: Plan
    state: RunState
    live: bool
    """False for a replay, which cannot be stopped"""
    is_mirror: bool
    """the log is a copy of that of another machine's run, which is kept up to date"""

    def drain(self, budget_s: float, on_events: EventCallback | None = None) -> int:
        """Apply new events for at most about `budget_s` seconds.

        Args:
            budget_s: seconds.
            on_events: receives the events in small batches after they are applied. They are not stored,
                because a long log can be larger than the available memory.

        Returns:
            number of applied events.
        """
        ...

    def now(self) -> int:
        """Return the current time in ns on the clock of the events, for elapsed times."""
        ...

    @property
    def loaded(self) -> float:
        """Share of the existing log that was read, 0 to 1."""
        ...

    @property
    def gone(self) -> bool:
        """The run directory was deleted."""
        ...


class RunFeed:
    """Follow the log of a running or ended run."""

    def __init__(self, run_dir: Path, plan: Plan) -> None:
        self.run_dir = run_dir
        self.plan = plan
        self.state = RunState()
        self.live = True
        self._reader = EventReader(run_dir / layout.EVENTS)
        self._checked = 0.0
        self._truncated = False
        """the log became shorter, and a notice said so"""
        self._boot_id = boot_id()
        self.is_mirror = is_mirror(run_dir)
        """the clock of the log continues while nothing arrives"""
        self._arrived = 0
        """when the last event was read, CLOCK_MONOTONIC in ns"""
        self._mask = reader_mask(plan)

    def drain(self, budget_s: float, on_events: EventCallback | None = None) -> int:
        start = time.monotonic()
        taken = 0
        while events := self._reader.read():
            taken += self._apply(events, on_events)
            if time.monotonic() - start > budget_s:
                break
        if self._reader.truncated and not self._truncated:
            self._truncated = True
            notice = ev.Notice(t=self.state.last_t, level="warning", text=_TRUNCATED)
            taken += self._apply([notice], on_events)
        if not taken and self.state.running and start - self._checked > LIVENESS_S:
            self._checked = start
            closing = self._recovered()
            if closing is not None:
                taken = self._apply_closing(closing, on_events)
            elif self.state.started is None:
                taken = self._apply_waiting(on_events)
        return taken

    def _apply(self, events: list[AnyEvent], on_events: EventCallback | None) -> int:
        events = self._mask.masked_all(events)
        self.state.apply_all(events)
        self._arrived = time.monotonic_ns()
        if on_events is not None:
            on_events(events)
        return len(events)

    def _recovered(self) -> list[AnyEvent] | None:
        """Return the closing events of a run whose supervisor died; None: it lives."""
        if check(self.run_dir) is Liveness.ALIVE:
            return None
        from runner.history.recovery import recover  # not before it is needed: it is a tenth of the start

        return recover(self.run_dir, wait=False)

    def _apply_waiting(self, on_events: EventCallback | None) -> int:
        """Apply the place of the job of the run in its queue, when it has changed."""
        from runner.history.job_watch import waiting_job

        waiting = waiting_job(self.run_dir, wait=False)
        if waiting is None or waiting == self.state.job_queued:
            return 0
        return self._apply([waiting], on_events)

    def _apply_closing(self, closing: list[AnyEvent], on_events: EventCallback | None) -> int:
        """Apply the closing events of a run without supervisor, even if they could not be written."""
        taken = 0
        while events := self._reader.read():
            taken += self._apply(events, on_events)
        if self.state.running and not closing:
            # The log was truncated, and its end was written before the new length was seen.
            from runner.report.files import read_state  # what the first frame does not need

            ended = read_state(self.run_dir).ended
            closing = [ended] if ended is not None else []
        if self.state.running:
            taken += self._apply(closing, on_events)
        return taken

    def now(self) -> int:
        """Return the time on the clock of the log: one of an earlier boot ended with its last event.

        That of another machine is its last event, and the time since then here.
        """
        state = self.state
        if self.is_mirror and state.ended is None:
            return state.last_t + (time.monotonic_ns() - self._arrived if self._arrived else 0)
        if state.ended is not None or (state.started is not None and state.started.boot_id != self._boot_id):
            return state.last_t
        return time.monotonic_ns()

    @property
    def loaded(self) -> float:
        return self._reader.progress

    @property
    def gone(self) -> bool:
        return not self.run_dir.is_dir()


class ReplayFeed:
    """Replay a recorded log, `speed` times as fast as recorded."""

    def __init__(self, run_dir: Path, plan: Plan, speed: float = 1.0) -> None:
        self.run_dir = run_dir
        self.plan = plan
        self.speed = speed
        self.state = RunState()
        self.live = False
        self.is_mirror = False
        self._pending: deque[AnyEvent] = deque()
        self._reader = EventReader(run_dir / layout.EVENTS)
        self._began: float | None = None
        self._first = 0
        self._mask = reader_mask(plan)
        self._refill()

    def drain(self, budget_s: float, on_events: EventCallback | None = None) -> int:
        start = time.monotonic()
        if self._began is None:
            self._began = start
            self._first = self._pending[0].t if self._pending else 0
        now = self.now()
        if self._pending and self._pending[0].t - now > LONGEST_PAUSE_NS:
            self._first += self._pending[0].t - now
            now = self._pending[0].t
        taken = 0
        while self._pending and self._pending[0].t <= now and time.monotonic() - start <= budget_s:
            event = self._pending.popleft()
            self.state.apply(event)
            taken += 1
            if on_events is not None:
                on_events([event])
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
        self._pending.extend(self._mask.masked_all(self._reader.read()))


def known_until(feed: Feed) -> int:
    """Return until when the state of a run is known, in ns on the clock of its events.

    Of the copy of another machine's run it is the last event that arrived: nothing is known of the time since
    then, so nothing is missing yet.
    """
    return feed.state.last_t if feed.is_mirror else feed.now()


def why_cut_off(feed: Feed) -> str:
    """Return since when nothing arrives of another machine's run, and why; empty: events arrive."""
    state = feed.state
    if not feed.is_mirror or not state.running:
        return ""
    why, silent = mirror_problem(feed.run_dir), (feed.now() - state.last_t) / 1e9
    if not state.last_t:
        return f"no connection to its machine: {why}" if why else ""
    in_stage = state.stage is not None and state.stage.ended is None
    if silent < CUT_OFF_S or not (why or in_stage):  # a run that waits for a device has nothing to report
        return ""
    return f"no data from its machine for {duration(silent)}{': ' if why else ''}{why}"


def open_feed(run_dir: Path) -> RunFeed:
    """Follow a run.

    Raises:
        UserError: the directory is not a run that this version can read.
    """
    return RunFeed(run_dir, layout.load_plan(run_dir))


def open_replay(run_dir: Path, speed: float) -> ReplayFeed:
    """Replay a run.

    Raises:
        UserError: the directory is not a run that this version can read.
    """
    return ReplayFeed(run_dir, layout.load_plan(run_dir), speed)
