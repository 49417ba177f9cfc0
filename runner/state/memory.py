"""What the engine says that it holds on a GPU."""

from __future__ import annotations

import msgspec

from runner import events as ev

MOST = 1000
"""Stages and configurations that are kept."""


class MemoryState(msgspec.Struct):
    """The newest statement about each configuration; of several ranks, about the one that holds most."""

    _found: dict[tuple[int, int | None], ev.GpuMemory] = msgspec.field(default_factory=dict)
    """by number of the stage and of the configuration; None: about the whole stage"""

    def take(self, event: ev.GpuMemory) -> None:
        """Add a statement; one of the same rank replaces an earlier one."""
        place = event.stage, event.config
        before = self._found.get(place)
        if before is None:
            if len(self._found) < MOST:
                self._found[place] = event
        elif before.rank == event.rank or before.parts.total < event.parts.total:
            self._found[place] = event

    def of(self, configuration: ev.ConfigurationStarted) -> ev.GpuMemory | None:
        """Return what a GPU holds in a configuration; None: the engine has not said it."""
        stage = configuration.stage
        return self._found.get((stage, configuration.index)) or self._found.get((stage, None))
