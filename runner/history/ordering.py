"""Runs in order and in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from runner.errors import UserError
from runner.history.run_entry import Entry


@dataclass(frozen=True)
class Sort:
    """An order of runs; those about which nothing is known come last, whichever way it goes."""

    name: str
    title: str
    key: Callable[[Entry], Any]
    descending: bool
    """whether that is the way one wants first: the newest, the fastest"""


SORTS = (
    Sort("when", "newest first", lambda entry: entry.started or None, True),
    Sort("tokens", "most tokens/s first", lambda entry: entry.best and entry.best.tokens_per_sec, True),
    Sort("latency", "lowest latency first", lambda entry: entry.best and entry.best.latency_ms, False),
    Sort("took", "longest first", lambda entry: entry.seconds if entry.started else None, True),
    Sort("profile", "by profile", lambda entry: None if entry.foreign else entry.profile.lower(), False),
    Sort("flags", "most flags first", lambda entry: None if entry.foreign else entry.flags, True),
    Sort("disk", "largest first", lambda entry: entry.disk, True),
)
BY_NAME = {sort.name: sort for sort in SORTS}


def sort_named(name: str) -> Sort:
    """The order of this name.

    Raises:
        UserError: there is none.
    """
    if name not in BY_NAME:
        raise UserError(f"runs cannot be sorted by {name!r}; allowed: {', '.join(BY_NAME)}")
    return BY_NAME[name]


def in_order(entries: Sequence[Entry], sort: Sort, *, reverse: bool = False) -> list[Entry]:
    """The runs in an order, `reverse` the other way round; equal ones stay as they were."""
    values = [(sort.key(entry), entry) for entry in entries]
    known = [pair for pair in values if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=sort.descending != reverse)
    return [entry for _, entry in known] + [entry for value, entry in values if value is None]


def by_profile(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The runs of each profile, in their order; the profiles in the order in which they come up."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault("" if entry.foreign else entry.profile, []).append(entry)
    return groups
