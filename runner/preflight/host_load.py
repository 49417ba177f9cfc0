"""Measure how much of the CPUs other programs use."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

from runner.engines.facts import BusyProcess, HostLoad
from runner.util import processes
from runner.util.cpu_ticks import read_cpu_ticks

SHORTEST_S = 0.2
"""shortest time to measure over; the kernel counts in steps of 10 ms"""
SHOWN = 3
LEAST_PERCENT = 20.0
"""of one CPU; less is not worth a name"""


class LoadMeter:
    """Measures from its creation to `read`."""

    def __init__(self) -> None:
        self._t = time.monotonic()
        self._busy, self._own = _busy_s(), _own_s()
        self._ticks = processes.all_cpu_ticks()

    def read(self) -> HostLoad:
        """Return the use of the CPUs without this process and its children that have ended."""
        time.sleep(max(0.0, SHORTEST_S - (time.monotonic() - self._t)))
        elapsed = time.monotonic() - self._t
        busy = (_busy_s() - self._busy) - (_own_s() - self._own)
        second = os.sysconf("SC_CLK_TCK")
        used = {
            identity: 100 * (ticks - self._ticks[identity]) / second / elapsed
            for identity, ticks in processes.all_cpu_ticks().items()
            if identity in self._ticks and identity[0] != os.getpid()
        }
        busiest = sorted(used.items(), key=lambda pair: -pair[1])[:SHOWN]
        return HostLoad(
            busy=max(0.0, busy / elapsed),
            average=os.getloadavg()[0],
            waiting_percent=_waiting_percent(),
            busiest=tuple(
                BusyProcess(
                    pid=pid, name=processes.name(pid), user=processes.owner_name(pid), percent=percent
                )
                for (pid, _), percent in busiest
                if percent >= LEAST_PERCENT
            ),
        )


def _busy_s() -> float:
    """Return seconds of CPU time used by all programs since boot, summed over the CPUs."""
    try:
        return read_cpu_ticks().busy / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def _own_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _waiting_percent() -> float | None:
    """Return the share of the last 10 s in which some process waited for a CPU (PSI)."""
    try:
        line = Path("/proc/pressure/cpu").read_text(encoding="ascii").split("\n", 1)[0]
        return float(line.split("avg10=")[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None
