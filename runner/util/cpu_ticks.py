"""The processor time of all programs since boot, as the kernel counts it."""

from __future__ import annotations

from typing import NamedTuple


class CpuTicks(NamedTuple):
    """Clock ticks of all CPUs since boot."""

    total: int
    idle: int
    stolen: int
    """what the hypervisor gave to others"""

    @property
    def busy(self) -> int:
        """Ticks in which a CPU ran something, or was taken away."""
        return self.total - self.idle


def read_cpu_ticks() -> CpuTicks:
    """Read the line `cpu` of /proc/stat of proc_stat(5); user and nice include the time of guests.

    Raises:
        OSError: the file cannot be read.
    """
    with open("/proc/stat", "rb") as file:
        user, nice, system, idle, iowait, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    return CpuTicks(user + nice + system + idle + iowait + irq + softirq + steal, idle + iowait, steal)
