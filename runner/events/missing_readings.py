"""Reasons of missing GPU readings, as texts of events; logs contain them, so they must not change."""

from __future__ import annotations

UNSUPPORTED = "not supported"
NO_PERMISSION = "no permission"
LOST = "GPU lost"
STALE = "stale"
NO_LIBRARY = "no library"
NO_NUMBER = "not a number"
HOST_LOAD = "; host load is shown instead"
"""end of the reason why no GPU is read at all"""


def without_host_load(reason: str) -> str:
    """Return a reason without the remark about host load."""
    return reason.removesuffix(HOST_LOAD)
