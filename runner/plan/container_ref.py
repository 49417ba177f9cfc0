"""A container that a stage runs in, as `Stage.container` in plan.json names it."""

from __future__ import annotations

from enum import Enum

import msgspec


class ContainerMode(str, Enum):
    """How a stage gets its container."""

    EXEC = "exec"
    """the stage enters a running container, which has its own file system"""
    RUN = "run"
    """the stage starts the container; folders of outputs are mounted from this machine"""
    RANKS = "ranks"
    """mpirun starts a container for each rank on its host; they use the host's folders and shared memory"""


class ContainerRef(msgspec.Struct, frozen=True):
    """Tool, mode and name of a container; its text form is `docker exec NAME`.

    `docker ranks NAME` is several containers, whose names begin with NAME.
    """

    tool: str
    mode: ContainerMode
    name: str

    @classmethod
    def parse(cls, text: str) -> ContainerRef | None:
        """Read the text form; return None for an empty text (no container)."""
        if not text:
            return None
        tool, mode, name = text.split(" ", 2)
        return cls(tool, ContainerMode(mode), name)

    def __str__(self) -> str:
        return f"{self.tool} {self.mode.value} {self.name}"
