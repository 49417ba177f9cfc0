"""Sort and group runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from runner.history.run_entry import RunEntry
from runner.util.errors import UserError


@dataclass(frozen=True)
class Sort:
    """A sort order of runs; runs without a value come last in both directions."""

    name: str
    title: str
    key: Callable[[RunEntry], Any]
    descending: bool
    """the default direction: newest, fastest first"""


def _tokens_per_sec(entry: RunEntry) -> float | None:
    """Return the best throughput of a finished run; a failed one measured only a part."""
    return entry.ranked.tokens_per_sec if entry.ranked else None


def _latency_ms(entry: RunEntry) -> float | None:
    return entry.ranked.latency_ms if entry.ranked else None


SORTS = (
    Sort("when", "newest first", lambda entry: entry.started or None, True),
    Sort("tokens", "most tokens/s first", _tokens_per_sec, True),
    Sort("latency", "lowest latency first", _latency_ms, False),
    Sort("took", "longest first", lambda entry: entry.seconds if entry.started else None, True),
    Sort("profile", "by profile", lambda entry: None if entry.foreign else entry.profile.lower(), False),
    Sort("warnings", "most warnings first", lambda entry: None if entry.foreign else entry.flags, True),
    Sort("disk", "largest first", lambda entry: entry.disk, True),
)
BY_NAME = {sort.name: sort for sort in SORTS}


def find_sort(name: str) -> Sort:
    """Return the sort order with a name.

    Raises:
        UserError: there is no such order.
    """
    if name not in BY_NAME:
        raise UserError(f"runs cannot be sorted by {name!r}; allowed: {', '.join(BY_NAME)}")
    return BY_NAME[name]


def sort_entries(entries: Sequence[RunEntry], sort: Sort, *, reverse: bool = False) -> list[RunEntry]:
    """Return the runs sorted; `reverse` inverts the direction; equal runs keep their order."""
    values = [(sort.key(entry), entry) for entry in entries]
    known = [pair for pair in values if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=sort.descending != reverse)
    return [entry for _, entry in known] + [entry for value, entry in values if value is None]


def group_by_profile(entries: Iterable[RunEntry]) -> dict[str, list[RunEntry]]:
    """Return the runs of each profile; runs and profiles keep the order of first appearance."""
    groups: dict[str, list[RunEntry]] = {}
    for entry in entries:
        groups.setdefault("" if entry.foreign else entry.profile, []).append(entry)
    return groups
