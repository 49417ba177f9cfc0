"""What the supervisor knows of one node."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from runner import events as ev
from runner.supervision.nodes import messages as msg
from runner.supervision.nodes.clock import NodeClockEstimate

FIRST_READINGS = 6
"""Measurements of a clock before its offset is used."""
CLOCK_S = 10.0
"""Time between two events with the offset of a clock."""
SILENT_S, LOST_S = 10.0, 60.0
"""Silence after which a node is reported, and after which it counts as lost."""
WALL_S = 1.0
"""Difference of the time of day that is worth a note."""


@dataclass
class Peer:
    """A node whose agent has joined."""

    joined: msg.Joined
    session: str
    is_first: bool
    """the supervisor is on this node, so its clock is the supervisor's"""
    heard: float
    """when its last frame arrived (monotonic, s)"""
    status: ev.NodeStatusName = "back"
    """`back`: it answers"""
    why: str = ""
    """what was noticed when it fell silent or was lost"""
    replaced: float = -math.inf
    """when its agent replaced one that was cut off (monotonic, s)"""
    offset_ns: int = 0
    """how far its clock is ahead, as it was last logged"""
    clock: NodeClockEstimate = field(default_factory=NodeClockEstimate)
    _next_clock: float = 0.0
    _noted_wall_s: float = 0.0

    @property
    def node(self) -> str:
        return self.joined.node

    @property
    def is_measured(self) -> bool:
        """The offset of its clock is known."""
        return self._next_clock > 0

    def convert(self, t: int) -> int:
        """Return a time of this node on the supervisor's clock (CLOCK_MONOTONIC, ns)."""
        return t if self.is_first else max(0, t - self.offset_ns)

    def converted(self, event: ev.NodeReading) -> ev.NodeReading:
        """Return a reading with its time on the supervisor's clock."""
        t = self.convert(event.t)
        return event if t == event.t else msgspec.structs.replace(event, t=t)

    def joined_event(self) -> ev.NodeJoined:
        return ev.NodeJoined(
            t=time.monotonic_ns(),
            node=self.node,
            boot_id=self.joined.boot_id,
            cores=self.joined.cores,
            first=self.is_first,
            shares_run_dir=self.joined.shares_run_dir,
            network=self.joined.network,
        )

    def clock_events(self, now: float) -> Iterator[ev.AnyEvent]:
        """Yield the offset of the clock when that is due, and a note when the time of day differs."""
        best = self.clock.best
        if (
            self.status != "back"
            or best is None
            or self.clock.count < FIRST_READINGS
            or now < self._next_clock
        ):
            return
        self._next_clock = now + CLOCK_S
        self.offset_ns = best.offset_ns
        t = time.monotonic_ns()
        wall = round(best.wall_offset_s, 6)
        yield ev.NodeClock(
            t=t, node=self.node, offset_ns=best.offset_ns, error_ns=best.error_ns, wall_offset_s=wall
        )
        if abs(wall - self._noted_wall_s) > WALL_S:
            self._noted_wall_s = wall
            where = "ahead of" if wall > 0 else "behind"
            text = (
                f"the time of day of node {self.node} is {abs(wall):.1f} s {where} that of the first node:"
                " times of this run are converted, time stamps in files of that node are not"
            )
            yield ev.Notice(t=t, level="warning" if abs(wall) > WALL_S else "info", text=text)

    def silence_events(self, now: float) -> Iterator[ev.AnyEvent]:
        """Yield changes of the connection."""
        silent = now - self.heard
        if self.status == "lost" or self.status == "ended":
            return
        if silent > LOST_S:
            yield from self.change("lost", f"node {self.node} has not answered for {silent:.0f} s", silent)
        elif silent > SILENT_S and self.status != "silent":
            yield from self.change("silent", f"node {self.node} has not answered for {silent:.0f} s", silent)

    def hear(self, now: float) -> Iterator[ev.AnyEvent]:
        """Take note of a frame (monotonic, s); yield the end of a silence."""
        silent, self.heard = now - self.heard, max(now, self.heard)
        if self.status in ("silent", "lost"):
            yield from self.change("back", f"node {self.node} answers again after {silent:.0f} s", silent)

    def change(self, status: ev.NodeStatusName, text: str, silent_s: float = 0.0) -> Iterator[ev.NodeStatus]:
        """Set the status; the first node has none to report, as the supervisor is there."""
        self.status, self.why = status, text if status in ("silent", "lost") else ""
        if not self.is_first:
            yield ev.NodeStatus(
                t=time.monotonic_ns(), node=self.node, status=status, text=text, silent_s=max(silent_s, 0.0)
            )
