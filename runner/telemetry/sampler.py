"""Which readings are taken when, and the records made of them: each line is an event of the log.

Fast readings go into one record for all GPUs. Slow readings take turns over the GPUs, so that no single tick
reads the energy counters of eight of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runner.events.missing_readings import LOST, NO_NUMBER, NO_PERMISSION, UNSUPPORTED
from runner.events.xid_errors import xid_sentence
from runner.telemetry.backend import GpuBackend
from runner.telemetry.nvml_errors import (
    ALL_LOST,
    NOTHING_ALLOWED,
    NOTHING_READABLE,
    ReadingUnavailable,
    ReadingValue,
    is_final,
    is_lost,
)
from runner.telemetry.process_tables import ProcessTables

ENERGY_S = 5.0
HEALTH_S = 10.0
GPM_S = 0.12
"""GPM needs 100 ms between two samples of a GPU."""
FAST = (
    "memory", "busy", "memory_busy", "power", "power_average", "sm_clock", "memory_clock", "temperature",
    "reasons", "sm_active", "tensor_active", "dram_active",
)  # fmt: skip
"""The columns of a fast record, named as in `runner.events.GpuSamples`."""
_PROFILE = ("sm_active", "tensor_active", "dram_active")

JsonRecord = dict[str, Any]


@dataclass
class GpuSampler:
    """Reads one machine; `write` receives records, `clock` is CLOCK_MONOTONIC in ns."""

    backend: GpuBackend
    write: Callable[[JsonRecord], None]
    clock: Callable[[], int]
    tables: ProcessTables | None = None
    """the processes on the GPUs; None: they are not read"""
    uuids: list[str] = field(default_factory=list)
    _sliced: list[int] = field(default_factory=list)
    """GPUs with MIG devices"""
    _read_at: int | None = None
    """time of the last successful reading"""
    _lost: set[int] = field(default_factory=set)
    _closed: set[tuple[int, str]] = field(default_factory=set)
    """calls that are not made again"""
    _recorded_reasons: dict[tuple[int, str], str] = field(default_factory=dict)
    """the last recorded reason, by GPU and reading"""
    _throttled: dict[int, dict[str, int]] = field(default_factory=dict)
    _energy_due: list[int] = field(default_factory=list)
    _health_due: list[int] = field(default_factory=list)
    _sources: dict[tuple[int, str], str] = field(default_factory=dict)
    _profiled: int = 0

    def open(self) -> int:
        """Record the GPUs of the machine; return their number."""
        versions, gpus = self.backend.machine()
        now = self.clock()
        self.uuids = [gpu["uuid"] for gpu in gpus]
        self._sliced = [place for place, gpu in enumerate(gpus) if gpu.get("mig")]
        identities = [{k: v for k, v in gpu.items() if k != "unread"} for gpu in gpus]
        self.write({"kind": "gpu_inventory", "t": now, **versions, "gpus": identities})
        for gpu, identity in enumerate(gpus):
            if "unread" in identity:
                self._lose(gpu, identity["unread"])
        # Staggered: slow readings of one GPU at a time.
        step = round(ENERGY_S * 1e9 / max(1, len(gpus)))
        self._energy_due = [now + (gpu + 1) * step for gpu in range(len(gpus))]
        self._health_due = list(self._energy_due)
        if self.tables is not None:
            self.tables.start(now, len(gpus))
        return len(gpus)

    def tick(self, period: float) -> None:
        """Take the fast readings of all GPUs, then the slow ones that are due."""
        now = self.clock()
        columns: dict[str, list[float | None]] = {name: [None] * len(self.uuids) for name in FAST}
        throttled: dict[str, list[int]] = {}
        profile = now - self._profiled >= GPM_S * 1e9
        if profile:
            self._profiled = now
        for gpu in range(len(self.uuids)):
            self._fast(gpu, columns, throttled, profile=profile)
        kept = {name: column for name, column in columns.items() if any(v is not None for v in column)}
        self._read_at = now if kept else self._read_at
        record: JsonRecord = {"kind": "gpu", "t": now, "period_ms": round(period * 1000), **kept}
        slices: dict[str, int] = {}
        for gpu in self._sliced:
            slices |= self._read(gpu, "slices", self.backend.slices) or {}
        if slices:
            record["slices"] = slices
        if throttled:
            record["throttled_us"] = throttled
        self.write(record)
        self._slow(now)
        self._xids()

    def boundary(self) -> None:
        """Read the energy counters of all GPUs now, because a phase of the run begins or ends."""
        for gpu in range(len(self.uuids)):
            self._energy(gpu)

    def read_slow(self) -> None:
        """Read energy and health of all GPUs once, outside of the measured phase."""
        for gpu in range(len(self.uuids)):
            self._energy(gpu)
            self._health(gpu)

    def processes(self, when: str) -> None:
        """Record the processes on the GPUs before the first stage or after the last."""
        for gpu, uuid in enumerate(self.uuids):
            found = self._read(gpu, "processes", self.backend.processes)
            if found is not None:
                pids = [pid for pid, _ in found]
                self.write(
                    {"kind": "gpu_processes", "t": self.clock(), "gpu": uuid, "when": when, "pids": pids}
                )

    def no_readings_reason(self) -> str:
        """Return why NVML will never give a reading; empty: there are readings, or there may be."""
        if self._read_at is not None:
            return ""
        left = [gpu for gpu in range(len(self.uuids)) if gpu not in self._lost]
        if not left:
            return ALL_LOST
        reasons = {self._recorded_reasons.get((gpu, name), "") for gpu in left for name in FAST}
        if not reasons <= {UNSUPPORTED, NO_PERMISSION}:
            return ""
        return NOTHING_ALLOWED if NO_PERMISSION in reasons else NOTHING_READABLE

    def silence(self) -> tuple[float, str]:
        """Return for how many seconds no available GPU has answered, and the reason."""
        left = [gpu for gpu in range(len(self.uuids)) if gpu not in self._lost]
        if self._read_at is None or not left:
            return 0.0, ""
        return (self.clock() - self._read_at) / 1e9, self._recorded_reasons.get((left[0], FAST[0]), "")

    # --- one GPU ----------------------------------------------------------------------------------------

    def _fast(
        self,
        gpu: int,
        columns: dict[str, list[float | None]],
        throttled: dict[str, list[int]],
        *,
        profile: bool,
    ) -> None:
        backend = self.backend

        def put(names: tuple[str, ...], values: tuple[ReadingValue, ...] | None) -> None:
            for name, value in zip(names, values or (), strict=False):
                columns[name][gpu] = self._number(gpu, name, value)

        memory = self._read(gpu, "memory", backend.memory)
        put(("memory",), memory and memory[:1])
        put(("busy", "memory_busy"), self._read(gpu, "busy", backend.utilization, "memory_busy"))
        fields = self._read(gpu, "power", backend.fields, "power_average")
        if fields is not None:
            put(("power", "power_average"), fields[:2])
            self._throttle(gpu, fields[2], throttled)
        put(("sm_clock", "memory_clock"), self._read(gpu, "sm_clock", backend.clocks, "memory_clock"))
        for name, call in (("temperature", backend.temperature), ("reasons", backend.reasons)):
            value = self._read(gpu, name, call)
            put((name,), None if value is None else (value,))
        if profile:
            put(_PROFILE, self._read(gpu, _PROFILE[0], backend.profile, *_PROFILE[1:]))
        if gpu not in self._lost:
            self._record_sources(gpu)

    def _throttle(self, gpu: int, counters: dict[str, int], throttled: dict[str, list[int]]) -> None:
        before = self._throttled.get(gpu, {})
        self._throttled[gpu] = counters
        for reason, count in counters.items():
            grown = (count - before.get(reason, count)) // 1000
            if grown > 0:
                throttled.setdefault(reason, [0] * len(self.uuids))[gpu] = grown

    def _record_sources(self, gpu: int) -> None:
        for reading, text in self.backend.sources(gpu)._asdict().items():
            if text and (gpu, reading) not in self._sources:
                self._sources[(gpu, reading)] = text
                self.write(
                    {
                        "kind": "gpu_source",
                        "t": self.clock(),
                        "gpu": self.uuids[gpu],
                        "reading": reading,
                        "text": text,
                    }
                )

    # --- slow -------------------------------------------------------------------------------------------

    def _slow(self, now: int) -> None:
        for gpu in range(len(self.uuids)):
            if now >= self._energy_due[gpu]:
                self._energy_due[gpu] = now + round(ENERGY_S * 1e9)
                self._energy(gpu)
            if now >= self._health_due[gpu]:
                self._health_due[gpu] = now + round(HEALTH_S * 1e9)
                self._health(gpu)
            if self.tables is not None and self.tables.due(gpu, now):
                self._process_table(gpu, self.tables)

    def _process_table(self, gpu: int, tables: ProcessTables) -> None:
        began = self.clock()
        found = self._read(gpu, "processes", self.backend.processes)
        now = self.clock()
        table = tables.read(gpu, now, now - began, found)
        if table is not None:
            self.write({"kind": "gpu_process_table", "t": now, "gpu": self.uuids[gpu], "processes": table})

    def _energy(self, gpu: int) -> None:
        began = self.clock()
        energy = self._read(gpu, "energy", self.backend.energy)
        if energy is not None:
            # The call blocks for milliseconds; the counter was read somewhere within.
            middle = (began + self.clock()) // 2
            self.write({"kind": "gpu_energy", "t": middle, "gpu": self.uuids[gpu], "mj": energy})

    def _health(self, gpu: int) -> None:
        record: JsonRecord = {"kind": "gpu_health", "t": self.clock(), "gpu": self.uuids[gpu]}
        memory = self._read(gpu, "memory", self.backend.memory)
        pcie = self._read(gpu, "pcie", self.backend.pcie)
        ecc = self._read(gpu, "ecc", self.backend.ecc)
        rows = self._read(gpu, "remapped", self.backend.remapped)
        if memory is not None:
            record["reserved"] = memory[1]
        if pcie is not None:
            record["pcie_generation"], record["pcie_width"] = pcie
        if ecc is not None:
            record["ecc_corrected"], record["ecc_uncorrected"] = ecc
        if rows is not None:
            record["remapped_rows"], record["remap_pending"], record["remap_failed"] = rows
        if len(record) > 3:
            self.write(record)

    def _xids(self) -> None:
        if (-1, "xid") in self._closed:
            return
        try:
            found = self.backend.xids()
        except ReadingUnavailable as unread:
            if is_final(unread.code) or is_lost(unread.code):
                self._closed.add((-1, "xid"))
                for gpu in range(len(self.uuids)):
                    self._record_reason(gpu, "xid", unread.reason)
            return
        for gpu_or_none, code in found:
            self._problem(gpu_or_none, "xid", xid_sentence(code), code)

    # --- values or reasons ------------------------------------------------------------------------------

    def _read(self, gpu: int, reading: str, call: Callable[[int], Any], *more: str) -> Any:
        """Return the result of a call, or None and record why; `more` are other readings of the same call."""
        if gpu in self._lost or (gpu, reading) in self._closed:
            return None
        try:
            value = call(gpu)
        except ReadingUnavailable as unread:
            if is_lost(unread.code):
                self._lose(gpu, unread)
                return None
            if is_final(unread.code):
                self._closed.add((gpu, reading))
            for name in (reading, *more):
                self._record_reason(gpu, name, unread.reason)
            return None
        if reading not in FAST:  # `_number` checks fast readings
            self._record_reason(gpu, reading, "")
        return value

    def _number(self, gpu: int, reading: str, value: ReadingValue) -> float | None:
        if value is None:
            return None
        if not isinstance(value, ReadingUnavailable) and math.isfinite(value):
            self._record_reason(gpu, reading, "")
            return round(value, 1) if isinstance(value, float) else value
        if isinstance(value, ReadingUnavailable) and is_lost(value.code):
            self._lose(gpu, value)
        else:
            self._record_reason(
                gpu, reading, value.reason if isinstance(value, ReadingUnavailable) else NO_NUMBER
            )
        return None

    def _record_reason(self, gpu: int, reading: str, reason: str) -> None:
        if self._recorded_reasons.get((gpu, reading), "") == reason:
            return
        self._recorded_reasons[(gpu, reading)] = reason
        self.write(
            {
                "kind": "gpu_reason",
                "t": self.clock(),
                "gpu": self.uuids[gpu],
                "reading": reading,
                "reason": reason,
            }
        )

    def _lose(self, gpu: int, unread: ReadingUnavailable) -> None:
        if gpu in self._lost:
            return
        self._lost.add(gpu)
        why = "it needs a reset" if unread.code == 16 else "it fell off the bus"
        if not is_lost(unread.code):
            why = unread.reason
        self._record_reason(gpu, "all", LOST)
        text = f"GPU {gpu} is lost to the driver: {why}; restart the machine or reset the GPU"
        self._problem(gpu, "lost", text, unread.code)

    def _problem(self, gpu: int | None, what: str, text: str, code: int) -> None:
        self.write(
            {
                "kind": "gpu_problem",
                "t": self.clock(),
                "gpu": "" if gpu is None else self.uuids[gpu],
                "what": what,
                "text": text,
                "code": code,
            }
        )
