"""Signs of life of a stage that prints nothing: a build or a load can be silent for an hour and be well."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner import processes

PERIOD_S = 5.0
"""A heartbeat this often, and only after that long a silence."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Heartbeat:
    """Watches one stage; `beat` is called about once a second."""

    stage: int
    output: str
    """directory that the stage fills; empty: none"""
    _position: int = -1
    _heard: int = 0
    _beat: int = 0
    _ticks: dict[processes.Identity, int] = field(default_factory=dict)

    def beat(self, now: int, position: int, members: list[processes.Identity]) -> ev.Heartbeat | None:
        """The next heartbeat, when the stage was silent long enough for one.

        Args:
            now: CLOCK_MONOTONIC, ns.
            position: bytes of records and output that were read so far; it grows unless the stage is silent.
            members: live processes of the stage.
        """
        if position != self._position:
            self._position, self._heard, self._beat = position, now, now
            self._ticks = processes.cpu_ticks(members)
            return None
        seconds = (now - self._beat) / 1e9
        if seconds < PERIOD_S:
            return None
        ticks = processes.cpu_ticks(members)
        # A process that is new since the last beat used all its time since then.
        used = sum(count - self._ticks.get(process, 0) for process, count in ticks.items())
        self._beat, self._ticks = now, ticks
        return ev.Heartbeat(
            t=now,
            stage=self.stage,
            silent_s=(now - self._heard) / 1e9,
            cpu_percent=100 * max(0, used) / _TICKS_PER_S / seconds,
            processes=len(ticks),
            output_bytes=size_of(Path(self.output)) if self.output else None,
        )


def size_of(directory: Path) -> int:
    """Bytes of the files in a directory and below; what cannot be looked at counts as nothing."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total
