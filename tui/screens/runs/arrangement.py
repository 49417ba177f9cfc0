"""Which runs the list shows, in which order and groups: plain data made of what was read and chosen."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from runner.errors import UserError
from runner.history import ordering as order
from runner.history import query
from runner.history.run_entry import Entry
from runner.history.trend import Trend, main_trend
from tui.screens.runs.run_list import Arranged, Group


@dataclass(frozen=True)
class Wish:
    """What the user chose to see."""

    filter: str = ""
    sort: str = "when"
    reverse: bool = False
    grouped: bool = False

    @property
    def order(self) -> order.Sort:
        return order.sort_named(self.sort)

    @property
    def title(self) -> str:
        """The order in words; nothing about the usual one."""
        words = [self.order.title + (", reversed" if self.reverse else "")]
        shown = words if self.reverse or self.sort != order.SORTS[0].name else []
        return " · ".join([*shown, *(["by profile"] if self.grouped else [])])


def arranged(entries: Sequence[Entry], wish: Wish, now: float, trends: dict[str, Trend | None]) -> Arranged:
    """The runs that a filter lets through, in order; in groups each below its heading.

    Args:
        entries: all runs.
        wish: what to show of them, and how.
        now: seconds since 1970.
        trends: of profiles, as far as they were made of the same entries before; the others are added.

    Raises:
        UserError: the filter has a term that cannot be understood.
    """
    found = query.matching(entries, wish.filter, now=now)
    found = order.in_order(found, wish.order, reverse=wish.reverse)
    if not wish.grouped:
        return Arranged(found)
    all_of = order.by_profile(entries)
    shown: list[Entry] = []
    headings: dict[int, Group] = {}
    for profile, runs in order.by_profile(found).items():
        every = all_of[profile]
        if profile not in trends:
            trends[profile] = main_trend(every)
        headings[len(shown)] = Group(profile, len(runs), len(every), trends[profile])
        shown += runs
    return Arranged(shown, headings)


def understood(text: str, now: float) -> str:
    """The terms of a filter that can be understood, for the list while somebody is still typing."""
    kept = []
    for term in text.split():
        with contextlib.suppress(UserError):
            query.parse(term, now)
            kept.append(term)
    return " ".join(kept)


def next_sort(name: str) -> str:
    names = [sort.name for sort in order.SORTS]
    return names[(names.index(name) + 1) % len(names)]
