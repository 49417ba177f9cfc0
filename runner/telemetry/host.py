"""Load of the machine, and why its GPUs are not read."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

from runner.events import Host
from runner.util.cpu_ticks import read_cpu_ticks


class HostSampler:
    """Sampler of the load of the machine; each sample covers the time since the previous one."""

    def __init__(self) -> None:
        self._t = time.monotonic_ns()
        self._waited = _waited_us("cpu")
        self._waited_for_memory = _waited_us("memory")
        self._ticks = read_cpu_ticks()

    def sample(self, log: Path | None = None) -> Host:
        """Return CPU load since the last call, memory, and the size of the log of the stage."""
        total, available = _memory_bytes()
        t = time.monotonic_ns()
        waited, for_memory = _waited_us("cpu"), _waited_us("memory")
        elapsed = t - self._t
        waiting = _share(self._waited, waited, elapsed)
        memory_waiting = _share(self._waited_for_memory, for_memory, elapsed)
        before, self._ticks = self._ticks, read_cpu_ticks()
        ticks = self._ticks.total - before.total
        self._t, self._waited, self._waited_for_memory = t, waited, for_memory
        return Host(
            t=t,
            cpu_percent=_percent(self._ticks.busy - before.busy, ticks),
            memory_used=total - available,
            memory_total=total,
            load=os.getloadavg()[0],
            steal_percent=_percent(self._ticks.stolen - before.stolen, ticks),
            waiting_percent=waiting,
            memory_waiting_percent=memory_waiting,
            log_bytes=_size(log) if log is not None else None,
        )


def _size(log: Path) -> int | None:
    try:
        return log.stat().st_size
    except OSError:
        return None


def _memory_bytes() -> tuple[int, int]:
    """Read the total memory and what is available to new programs, from /proc/meminfo (proc_meminfo(5))."""
    with open("/proc/meminfo", "rb") as file:
        kib = {line[0]: int(line[1]) for line in map(bytes.split, file)}
    return kib[b"MemTotal:"] * 1024, kib[b"MemAvailable:"] * 1024


def _percent(part: int, whole: int) -> float:
    """Return a share of clock ticks; the kernel may correct idle time downwards by a tick."""
    return round(100 * min(max(part / whole, 0.0), 1.0), 1) if whole > 0 else 0.0


def _share(before: int | None, now: int | None, elapsed_ns: int) -> float | None:
    """Return the percent of a time in which a process waited, from two counts of microseconds."""
    if before is None or now is None or elapsed_ns <= 0:
        return None
    return round(min(100.0, (now - before) * 1e5 / elapsed_ns), 1)


def _waited_us(resource: Literal["cpu", "memory"]) -> int | None:
    """Return the microseconds since boot in which a process waited for a resource; None: unknown."""
    try:
        line = Path("/proc/pressure", resource).read_text().splitlines()[0]
        return int(line.rpartition("total=")[2])
    except (OSError, ValueError, IndexError):
        return None  # an old kernel, or one without pressure stall information


def no_gpu_reason(device: str, gpu_hz: float) -> str:
    """Return why GPUs are not read for a run on `device` (`cpu` or `cuda`); empty: they are read.

    Only the telemetry process finds out whether there is a GPU, by NVML: on WSL2 no device file tells it.
    TRTBENCH_TELEMETRY=always also reads GPUs for a run on the CPU.
    """
    if gpu_hz <= 0:
        return "reading GPUs was switched off; host load is shown instead"
    if os.environ.get("TRTBENCH_TELEMETRY") == "always":
        return ""
    if device == "cpu":
        return "this run uses the CPU only; host load is shown instead"
    return ""
