"""Latency of every configuration and readings of every GPU over time, in bounded memory.

This is a second fold over the events of a run, only for charts. Merged points keep their minimum and maximum,
so no spike is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from runner import events as ev
from runner.events.throttle_reasons import throttle_names
from runner.plan.plan import MOST_CONFIGURATIONS
from runner.stats import Mean, Series

POINTS = 512
"""Maximum number of points per curve; a chart has about as many pixels."""
READINGS = ("memory", "busy", "power", "sm_clock", "temperature")
"""Readings of GPU samples that have a chart."""
MAX_SPANS = 256


@dataclass(slots=True)
class ConfigurationTimeline:
    """One configuration over time, measured by rank 0; latencies in milliseconds."""

    start: ev.ConfigurationStarted
    warmup: Series = field(default_factory=lambda: Series(POINTS))
    timed: Series = field(default_factory=lambda: Series(POINTS))
    ranks: dict[int, Mean] = field(default_factory=dict)
    """latency of the timed iterations, by rank"""
    timing_began: int | None = None
    last_t: int = 0


@dataclass(slots=True)
class ThrottleSpan:
    """A time span in which the clocks of a GPU were throttled."""

    begin: int
    end: int
    reason: str


@dataclass(slots=True)
class GpuTrack:
    """Readings and throttling of one GPU over time."""

    readings: dict[str, Series] = field(default_factory=dict)
    spans: list[ThrottleSpan] = field(default_factory=list)
    _gap: int = 0
    """spans of one reason with a shorter gap (ns) are merged"""

    def add_throttle(self, begin: int, end: int, reason: str) -> None:
        for last in reversed(self.spans[-8:]):
            if last.reason == reason and begin - last.end <= self._gap:
                last.end = end
                return
        self.spans.append(ThrottleSpan(begin, end, reason))
        while len(self.spans) > MAX_SPANS:
            self._gap = max(1_000_000_000, self._gap * 2)
            spans, self.spans = self.spans, []
            for span in spans:
                self.add_throttle(span.begin, span.end, span.reason)


@dataclass
class Timeline:
    """The configurations and GPUs of a run over time."""

    configurations: list[ConfigurationTimeline] = field(default_factory=list)
    gpus: dict[str, GpuTrack] = field(default_factory=dict)
    """by UUID"""
    _columns: dict[str, list[str]] = field(default_factory=dict)
    """UUIDs in the order of samples, by node; the first node is empty"""
    _last_sample: dict[str, int] = field(default_factory=dict)
    _counted: set[str] = field(default_factory=set)
    """reasons with a counter in the driver, which is more exact than the bit of a sample"""

    def apply_all(self, events: Iterable[ev.AnyEvent]) -> None:
        """Apply events in the order of the log."""
        for event in events:
            if isinstance(event, ev.Iteration):
                self._iteration(event)
            elif isinstance(event, ev.FromNode):
                self._reading(event.node, event.event)
            elif isinstance(event, ev.ConfigurationStarted):
                if len(self.configurations) < MOST_CONFIGURATIONS:
                    self.configurations.append(ConfigurationTimeline(event))
            else:
                self._reading("", event)

    def _reading(self, node: str, event: ev.AnyEvent) -> None:
        """Apply an event about the GPUs of a node."""
        if isinstance(event, ev.GpuSamples):
            self._samples(node, event)
        elif isinstance(event, ev.GpuInventory):
            self._columns[node] = [gpu.uuid for gpu in event.gpus]
            for uuid in self._columns[node]:
                self.gpus.setdefault(uuid, GpuTrack())

    def _iteration(self, event: ev.Iteration) -> None:
        if event.phase == "profile" or not self.configurations:
            return
        # A rank may be a configuration ahead or behind, so every event names its own.
        here = self.configurations[min(event.config, len(self.configurations) - 1)]
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

    def _samples(self, node: str, event: ev.GpuSamples) -> None:
        before = self._last_sample.get(node) or event.t
        self._last_sample[node] = event.t
        uuids = self._columns.get(node, [])
        for reading in READINGS:
            column: ev.GpuColumn = getattr(event, reading)
            for uuid, value in zip(uuids, column, strict=False):
                if value is not None:
                    readings = self.gpus[uuid].readings
                    readings.setdefault(reading, Series(POINTS)).add(event.t, value)
        self._counted |= event.throttled_us.keys()
        for reason, grown in event.throttled_us.items():
            for uuid, microseconds in zip(uuids, grown, strict=False):
                if microseconds > 0:
                    self.gpus[uuid].add_throttle(before, event.t, reason)
        for uuid, bits in zip(uuids, event.reasons, strict=False):
            for reason in throttle_names(bits or 0):
                if reason not in self._counted:
                    self.gpus[uuid].add_throttle(before, event.t, reason)
