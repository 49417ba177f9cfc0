"""Heartbeats of a silent stage: a build or a load can print nothing for an hour and still work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner.util import processes

PERIOD_S = 5.0
"""Interval of heartbeats, and the silence before the first one."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class HeartbeatMonitor:
    """Monitor of one stage; `beat` is called about once a second."""

    stage: int
    output: str
    """output directory of the stage; empty: none"""
    _position: int = -1
    _last_output: int = 0
    _beat: int = 0
    _ticks: dict[processes.ProcessIdentity, int] = field(default_factory=dict)

    def beat(
        self,
        now: int,
        position: int,
        members: list[processes.ProcessIdentity],
        ranks: Mapping[int, int] | None = None,
    ) -> ev.Heartbeat | None:
        """Return a heartbeat if the stage was silent long enough.

        Args:
            now: CLOCK_MONOTONIC, ns.
            position: bytes of records and output read so far; it grows unless the stage is silent.
            members: live processes of the stage.
            ranks: rank -> its pid as the rank sees it, for ranks that have reported it.
        """
        if position != self._position:
            self._position, self._last_output, self._beat = position, now, now
            self._ticks = processes.cpu_ticks(members)
            return None
        seconds = (now - self._beat) / 1e9
        if seconds < PERIOD_S:
            return None
        ticks = processes.cpu_ticks(members)
        # The whole CPU time of a new process counts, because it started after the last beat.
        used = {process: count - self._ticks.get(process, 0) for process, count in ticks.items()}
        self._beat, self._ticks = now, ticks
        percent = {
            process[0]: 100 * max(0, grown) / _TICKS_PER_S / seconds for process, grown in used.items()
        }
        return ev.Heartbeat(
            t=now,
            stage=self.stage,
            silent_s=(now - self._last_output) / 1e9,
            cpu_percent=sum(percent.values()),
            processes=len(ticks),
            output_bytes=size_of(Path(self.output)) if self.output else None,
            ranks=_rank_processes(ranks or {}, percent),
        )


def _rank_processes(ranks: Mapping[int, int], percent: Mapping[int, float]) -> tuple[ev.RankProcess, ...]:
    """Return the state of the process of each rank; in a container pids differ from those outside."""
    outside = {pid: pid for pid in percent}
    if any(pid not in outside for pid in ranks.values()):
        outside |= {processes.innermost_pid(pid): pid for pid in percent}
    found = {rank: outside.get(pid) for rank, pid in sorted(ranks.items())}
    if not any(found.values()):
        return ()  # none of them is on this machine or alive
    states = processes.states(pid for pid in found.values() if pid is not None)
    return tuple(
        ev.RankProcess(
            rank=rank,
            state="-" if pid is None else states.get(pid, "-"),
            cpu_percent=round(percent.get(pid or -1, 0.0), 1),
        )
        for rank, pid in found.items()
    )


def size_of(directory: Path) -> int:
    """Return the size of all files below a directory in bytes; unreadable files are not counted."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total
