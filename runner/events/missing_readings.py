"""The words of events that say why a GPU reading is missing; the log keeps them, so they never change."""

from __future__ import annotations

UNSUPPORTED = "not supported"
NO_PERMISSION = "no permission"
LOST = "GPU lost"
STALE = "stale"
NO_LIBRARY = "no library"
NO_NUMBER = "not a number"
HOST_LOAD = "; host load is shown instead"
"""How the reason ends why no GPU is read at all"""


def without_host_load(reason: str) -> str:
    """A reason, for where no host load is shown."""
    return reason.removesuffix(HOST_LOAD)
