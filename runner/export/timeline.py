"""What happened when: latency of every configuration and readings of every GPU over time, in bounded memory.

A second fold over the events of a run, for charts alone: a spike survives any number of merges, because
merged points keep their minimum and maximum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from runner import events as ev
from runner.events.throttle_reasons import reason_words
from runner.stats import Mean, Series

POINTS = 512
"""At most so many points a curve are kept; a chart has about as many pixels."""
READINGS = ("memory", "busy", "power", "sm_clock", "temperature")
"""Columns of GPU samples that have a chart."""
MAX_MARKS = 256


@dataclass(slots=True)
class Measured:
    """One configuration over time, as rank 0 saw it; latencies in milliseconds."""

    start: ev.ConfigurationStarted
    warmup: Series = field(default_factory=lambda: Series(POINTS))
    timed: Series = field(default_factory=lambda: Series(POINTS))
    ranks: dict[int, Mean] = field(default_factory=dict)
    """latencies of the timed iterations of every rank"""
    timing_began: int | None = None
    last_t: int = 0


@dataclass(slots=True)
class Mark:
    """A stretch of time in which something held the clocks of a GPU down."""

    begin: int
    end: int
    reason: str


@dataclass(slots=True)
class GpuTrack:
    readings: dict[str, Series] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    _gap: int = 0
    """marks of one reason that are this near (ns) are one mark"""

    def mark(self, begin: int, end: int, reason: str) -> None:
        for last in reversed(self.marks[-8:]):
            if last.reason == reason and begin - last.end <= self._gap:
                last.end = end
                return
        self.marks.append(Mark(begin, end, reason))
        while len(self.marks) > MAX_MARKS:
            self._gap = max(1_000_000_000, self._gap * 2)
            marks, self.marks = self.marks, []
            for one in marks:
                self.mark(one.begin, one.end, one.reason)


@dataclass
class Timeline:
    measured: list[Measured] = field(default_factory=list)
    gpus: dict[str, GpuTrack] = field(default_factory=dict)
    """by UUID"""
    _columns: list[str] = field(default_factory=list)
    _last_sample: int = 0
    _counted: set[str] = field(default_factory=set)
    """reasons that a driver's counter speaks of, which is more exact than the bit in a sample"""

    def take(self, events: Iterable[ev.AnyEvent]) -> None:
        """Take in events in the order of the log."""
        for event in events:
            if isinstance(event, ev.Iteration):
                self._iteration(event)
            elif isinstance(event, ev.GpuSamples):
                self._samples(event)
            elif isinstance(event, ev.ConfigurationStarted):
                self.measured.append(Measured(event))
            elif isinstance(event, ev.GpuInventory):
                self._columns = [gpu.uuid for gpu in event.gpus]
                for uuid in self._columns:
                    self.gpus.setdefault(uuid, GpuTrack())

    def _iteration(self, event: ev.Iteration) -> None:
        if event.phase == "profile" or not self.measured:
            return
        # Ranks that are ahead or behind by a configuration name theirs.
        here = self.measured[min(event.config, len(self.measured) - 1)]
        if event.phase == "timed":
            here.ranks.setdefault(event.rank, Mean()).add(event.latency_ms)
        if event.rank != 0:
            return
        here.last_t = event.t
        if event.phase == "warmup":
            here.warmup.add(event.t, event.latency_ms)
            return
        if here.timing_began is None:
            here.timing_began = event.t - round(event.latency_ms * 1e6)
        here.timed.add(event.t, event.latency_ms)

    def _samples(self, event: ev.GpuSamples) -> None:
        before = self._last_sample or event.t
        self._last_sample = event.t
        for reading in READINGS:
            column: ev.Column = getattr(event, reading)
            for uuid, value in zip(self._columns, column, strict=False):
                if value is not None:
                    readings = self.gpus[uuid].readings
                    readings.setdefault(reading, Series(POINTS)).add(event.t, value)
        self._counted |= event.throttled_us.keys()
        for reason, grown in event.throttled_us.items():
            for uuid, microseconds in zip(self._columns, grown, strict=False):
                if microseconds > 0:
                    self.gpus[uuid].mark(before, event.t, reason)
        for uuid, bits in zip(self._columns, event.reasons, strict=False):
            for reason in reason_words(bits or 0):
                if reason not in self._counted:
                    self.gpus[uuid].mark(before, event.t, reason)
