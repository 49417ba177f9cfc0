"""The state of the GPUs of a run, folded from their events."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from runner import events as ev
from runner.events.missing_readings import LOST, STALE
from runner.events.throttle_reasons import throttle_names
from runner.state import cuda_devices
from runner.state.gpu_phase import GpuPhase
from runner.state.gpu_series import (
    GROUP_S,
    MOST_GROUPS,
    RECENT_TICKS,
    ReadingHistory,
    ReadingMean,
)
from runner.state.sample_group import SampleGroup

MAX_PROBLEMS = 200
RECENT_ENERGY = 1000
LOOK_BACK = 3
"""Samples to search for the latest reading: one or two may lack it without a reason."""


class TimedConfiguration(Protocol):
    """When a configuration was measured."""

    timing_began: int | None
    last_t: int

    @property
    def done(self) -> bool: ...


class GpuState(msgspec.Struct):
    """One GPU of the machine."""

    identity: ev.GpuIdentity
    column: int
    """its index in the columns of samples"""
    node: str = ""
    """name of its machine; empty: the run uses one"""
    reasons: dict[str, str] = msgspec.field(default_factory=dict)
    """why readings are missing now, by reading; key `all`: the whole GPU"""
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    health: ev.GpuHealth | None = None
    first_health: ev.GpuHealth | None = None
    before: list[int] | None = None
    after: list[int] | None = None
    """pids of processes on it before the first stage and after the last"""
    processes: list[ev.ComputeProcess] | None = None
    """processes on it at the last change; None: not read"""
    baseline: float | None = None
    """bytes in use before the first stage"""
    energy: deque[ev.GpuEnergy] = msgspec.field(default_factory=lambda: deque(maxlen=RECENT_ENERGY))
    resets: list[tuple[int, int]] = msgspec.field(default_factory=list)
    """times of the two readings between which the energy counter was reset"""
    peak_memory: float | None = None
    """most bytes in use in any sample of a full group; `TelemetryState.peak_memory` includes the newest"""

    @property
    def name(self) -> str:
        """`GPU 3`, or `GPU 3 of node2` where a run uses several nodes."""
        return f"GPU {self.identity.index}" + (f" of {self.node}" if self.node else "")

    @property
    def lost(self) -> bool:
        return self.reasons.get("all") == LOST

    def why_not(self, reading: str, otherwise: str = "not read while it was measured") -> str:
        """Return why a reading of this GPU is missing."""
        return self.reasons.get("all") or self.reasons.get(reading) or otherwise

    @property
    def reserved(self) -> int | None:
        return self.health.reserved if self.health is not None else None


class TelemetryState(msgspec.Struct):
    """All GPUs, and the state of reading them."""

    gpus: dict[str, GpuState] = msgspec.field(default_factory=dict)
    """by UUID, in NVML's order"""
    node: str = ""
    """name of the machine; empty: the run uses one"""
    inventory: ev.GpuInventory | None = None
    mapping: ev.GpuMapping | None = None
    status: ev.Telemetry | None = None
    """None: samples arrive as requested"""
    status_events: list[ev.Telemetry] = msgspec.field(default_factory=list)
    """every change of `status`, at most `MAX_PROBLEMS`"""
    problems: list[ev.GpuProblem] = msgspec.field(default_factory=list)
    cost: ev.TelemetryCost | None = None
    dearest_us: dict[str, float] = msgspec.field(default_factory=dict)
    """longest duration of each call over the run"""
    period_ms: int = 0
    phases: list[GpuPhase] = msgspec.field(default_factory=list)
    """one per configuration"""
    _history: ReadingHistory = msgspec.field(default_factory=ReadingHistory)
    _groups: deque[SampleGroup] = msgspec.field(default_factory=deque)
    _open: SampleGroup | None = None
    _due: int = 0
    _first_stage: bool = False
    _devices: list[GpuState | None] | None = None
    """`devices`, until the GPUs or their order change"""

    @property
    def stale(self) -> bool:
        return self.status is not None and self.status.state in ("stale", "ended", "given up")

    @property
    def last(self) -> ev.GpuSamples | None:
        return self._open.ticks[-1] if self._open is not None else None

    def recent(self) -> list[ev.GpuSamples]:
        """Return the last raw samples, at least `RECENT_TICKS` if there are as many, oldest first."""
        return [tick for group in self._groups for tick in group.ticks]

    def since(self, t: int) -> list[ev.GpuSamples]:
        """Return raw samples after time `t`, as far as they are kept, oldest first."""
        found: list[ev.GpuSamples] = []
        for group in reversed(self._groups):
            if group.end <= t:
                break
            found[:0] = [tick for tick in group.ticks if tick.t > t] if group.begin <= t else group.ticks
        return found

    def latest(self, gpu: GpuState, reading: str) -> float | str:
        """Return the latest number of a reading, or the reason why there is none; never an old number."""
        if self.stale:
            return STALE
        if not gpu.reasons and self._open is not None:
            newest: ev.GpuColumn = getattr(self._open.ticks[-1], reading)
            value = newest[gpu.column] if gpu.column < len(newest) else None
            if value is not None:
                return value
        for name in ("all", reading):
            if name in gpu.reasons:
                return gpu.reasons[name]
        for tick in self._latest_ticks():
            column: ev.GpuColumn = getattr(tick, reading)
            value = column[gpu.column] if gpu.column < len(column) else None
            if value is not None:
                return value
        return "not read yet"

    @property
    def devices(self) -> list[GpuState | None]:
        """The GPU behind each `cuda:N` of the ranks; None in a place: that GPU was not read."""
        if self._devices is None:
            identities = [gpu.identity for gpu in self.gpus.values()]
            visible = self.mapping.gpus if self.mapping is not None else []
            found = [cuda_devices.gpu_of(uuid, identities) for uuid in visible]
            self._devices = [None if gpu is None else self.gpus[gpu.uuid] for gpu in found]
        return self._devices

    def mig_device(self, gpu: GpuState) -> str:
        """Return the UUID of the MIG device of a GPU that the ranks use; empty: they use the whole GPU."""
        visible = self.mapping.gpus if self.mapping is not None else []
        return next((uuid for uuid in visible if uuid in (gpu.identity.mig or ())), "")

    def slice_memory(self, uuid: str) -> int | None:
        """Return bytes in use of a MIG device in the latest sample; None: unknown."""
        last = None if self.stale else self.last
        return last.slices.get(uuid) if last is not None else None

    def throttled_by(self, gpu: GpuState) -> list[str] | None:
        """Return why the clocks of a GPU are held down; empty: they are not; None: unknown.

        From the driver's counters, which cover the time between samples, else from the current state.
        """
        last = self.last
        if last is None or self.stale or gpu.lost:
            return None
        counted = [
            name
            for name, column in last.throttled_us.items()
            if gpu.column < len(column) and column[gpu.column] > 0
        ]
        bits = self.latest(gpu, "reasons")
        return counted or (None if isinstance(bits, str) else throttle_names(bits))

    def peak_memory(self, gpu: GpuState) -> float | None:
        """Return the most bytes in use on a GPU in any sample of the run."""
        newest = [tick.memory for tick in self._open.ticks] if self._open is not None else []
        used = [column[gpu.column] for column in newest if gpu.column < len(column)]
        return max((peak for peak in (gpu.peak_memory, *used) if peak is not None), default=None)

    def history(self, gpu: GpuState, reading: str) -> list[ReadingMean]:
        """Return one of the `KEPT` readings over the whole run: means of ten seconds, later of minutes."""
        return self._history.means(reading, gpu.column)

    def measured(self, number: int, configuration: TimedConfiguration) -> GpuPhase | None:
        """Return the readings of the measured phase of a configuration; None: there are none."""
        if configuration.timing_began is None or not self.gpus:
            return None
        whole = self.phases[number].copy() if number < len(self.phases) else GpuPhase()
        self._feed(whole, configuration, to_the_end=True)
        return whole

    # --- events -----------------------------------------------------------------------------------------

    def stage_started(self) -> None:
        """Take the last reading before the first stage as baseline."""
        if self._first_stage:
            return
        self._first_stage = True
        last = self.last
        for gpu in self.gpus.values():
            if last is not None and gpu.column < len(last.memory):
                gpu.baseline = last.memory[gpu.column]

    def name_node(self, node: str) -> None:
        """Set the name of the machine."""
        self.node = node
        for gpu in self.gpus.values():
            gpu.node = node

    def take_inventory(self, event: ev.GpuInventory) -> None:
        self._close_group()
        self._devices = None
        self.inventory = event
        self.status = None
        known = self.gpus
        self.gpus = {}
        if list(known) != [identity.uuid for identity in event.gpus]:
            # A group has samples with one order of GPUs only.
            self._groups.clear()
            self._history = ReadingHistory(len(event.gpus))
        for column, identity in enumerate(event.gpus):
            gpu = known.get(identity.uuid) or GpuState(identity, column, self.node)
            gpu.identity, gpu.column, gpu.reasons = identity, column, {}
            self.gpus[identity.uuid] = gpu

    def take_samples(
        self, samples: Sequence[ev.GpuSamples], configurations: Sequence[TimedConfiguration]
    ) -> None:
        """Add samples that follow one another in the log, at least one."""
        ticks = self._open.ticks if self._open is not None else []
        for sample in samples:
            if sample.t >= self._due or self._open is None:
                ticks = self._next_group(sample.t, configurations).ticks
            ticks.append(sample)
        self.period_ms = samples[-1].period_ms

    def take_energy(self, event: ev.GpuEnergy) -> None:
        gpu = self.gpus.get(event.gpu)
        if gpu is None:
            return
        if gpu.energy and event.mj < gpu.energy[-1].mj:
            gpu.resets.append((gpu.energy[-1].t, event.t))
        gpu.energy.append(event)

    def take_health(self, event: ev.GpuHealth) -> None:
        gpu = self.gpus.get(event.gpu)
        if gpu is not None:
            gpu.health = event
            gpu.first_health = gpu.first_health or event

    def take_source(self, event: ev.GpuSource) -> None:
        if event.gpu in self.gpus:
            self.gpus[event.gpu].sources[event.reading] = event.text

    def take_reason(self, event: ev.GpuReason) -> None:
        gpu = self.gpus.get(event.gpu)
        if gpu is None:
            return
        if event.reason:
            gpu.reasons[event.reading] = event.reason
        else:
            gpu.reasons.pop(event.reading, None)

    def take_problem(self, event: ev.GpuProblem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(event)

    def take_processes(self, event: ev.GpuProcesses) -> None:
        gpu = self.gpus.get(event.gpu)
        if gpu is not None and event.when == "before":
            gpu.before = event.pids
        elif gpu is not None:
            gpu.after = event.pids

    def take_process_table(self, event: ev.GpuProcessTable) -> None:
        gpu = self.gpus.get(event.gpu)
        if gpu is not None:
            gpu.processes = event.processes

    def take_mapping(self, event: ev.GpuMapping) -> None:
        self.mapping, self._devices = event, None

    def take_status(self, event: ev.Telemetry) -> None:
        self.status = event if event.state != "sampling" else None
        if len(self.status_events) < MAX_PROBLEMS:
            self.status_events.append(event)

    def take_cost(self, event: ev.TelemetryCost) -> None:
        self.cost = event
        for name, (_, _, longest) in event.calls.items():
            self.dearest_us[name] = max(longest, self.dearest_us.get(name, 0.0))

    # --- folding ----------------------------------------------------------------------------------------

    def _latest_ticks(self) -> list[ev.GpuSamples]:
        if self._open is None:
            return []
        ticks = self._open.ticks[-LOOK_BACK:]
        if len(ticks) < LOOK_BACK and len(self._groups) > 1:
            ticks = self._groups[-2].ticks[len(ticks) - LOOK_BACK :] + ticks
        # Readings from before a restart of telemetry are never the latest.
        oldest = ticks[-1].t - LOOK_BACK * self.period_ms * 10**6
        return [tick for tick in reversed(ticks) if tick.t >= oldest]

    def _next_group(self, t: int, configurations: Sequence[TimedConfiguration]) -> SampleGroup:
        """Return the group of samples from time `t` on, after the one before was folded."""
        self._close_group()
        self._advance(configurations, t)
        group = self._open = SampleGroup(self._history.gpus, t)
        self._groups.append(group)
        self._due = t + GROUP_S * 10**9
        self._drop_old(configurations[-1].last_t if configurations else t)
        return group

    def _close_group(self) -> None:
        group, self._open = self._open, None
        if group is None:
            return
        table = group.close().table
        self._history.add(group.begin, table)
        peaks = table.highs("memory")
        for gpu in self.gpus.values():
            if peaks[gpu.column] >= 0:  # it was read
                gpu.peak_memory = max(peaks[gpu.column], gpu.peak_memory or 0.0)

    def _drop_old(self, folded: int) -> None:
        """Drop raw samples that are no longer needed: older than `folded`, and not among the last ones.

        Those that are older than the last ones, but still needed, are packed.
        """
        groups = self._groups
        kept = sum(group.count for group in groups)
        while len(groups) > 1 and kept - groups[0].count >= RECENT_TICKS:
            if groups[0].end > folded and len(groups) <= MOST_GROUPS:
                break
            kept -= groups.popleft().count
        for group in groups:
            kept -= group.count
            if kept < RECENT_TICKS:
                break
            group.pack()

    def _advance(self, configurations: Sequence[TimedConfiguration], now: int) -> None:
        """Add to each current configuration the samples that certainly belong to it."""
        for number, configuration in enumerate(configurations):
            if number == len(self.phases):
                self.phases.append(GpuPhase())
            phase = self.phases[number]
            if phase.over or configuration.timing_began is None:
                continue
            over = (configuration.done or number + 1 < len(configurations)) and now > configuration.last_t
            self._feed(phase, configuration, to_the_end=over)
            phase.over = over

    def _feed(self, phase: GpuPhase, configuration: TimedConfiguration, *, to_the_end: bool) -> None:
        begin, end = configuration.timing_began, configuration.last_t
        assert begin is not None
        waiting: list[SampleGroup] = []
        for group in reversed(self._groups):
            if group.end <= phase.seen:
                break
            # A group that ends after the last iteration waits: later iterations may cover it.
            if group.begin <= end and (to_the_end or group.end <= end):
                waiting.append(group)
        for group in reversed(waiting):
            phase.take(group, begin, end)
        phase.begin, phase.end = begin, end
        if to_the_end or len(phase.begins) < len(self.gpus):
            for gpu in self.gpus.values():
                phase.take_energy(gpu.identity.uuid, gpu.energy, over=to_the_end)
