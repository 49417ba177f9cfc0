"""Metrics by the names that people type: those of the table, and `latency_ms.p50` for the latency's own."""

from __future__ import annotations

import difflib

from runner.errors import UserError
from runner.metrics.definitions import (
    BY_NAME,
    DEVIATION,
    LATENCY,
    MAXIMUM,
    MINIMUM,
    P50,
    P95,
    P99,
    VARIATION,
)
from runner.metrics.metric import Metric

ALIASES = {
    "latency_ms.mean": LATENCY,
    "latency_ms.p50": P50,
    "latency_ms.p95": P95,
    "latency_ms.p99": P99,
    "latency_ms.min": MINIMUM,
    "latency_ms.max": MAXIMUM,
    "latency_ms.sd": DEVIATION,
    "latency_ms.cv": VARIATION,
}


def find(name: str) -> Metric:
    """The metric of a name or alias.

    Raises:
        UserError: there is none; with the nearest one, if there is one near.
    """
    found = BY_NAME.get(name) or ALIASES.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, [*BY_NAME, *ALIASES], n=1, cutoff=0.5)
    guess = f" (did you mean {near[0]}?)" if near else ""
    raise UserError(
        f"there is no metric {name!r}{guess}", hint="`trtbench-tui help metrics` lists all of them"
    )
