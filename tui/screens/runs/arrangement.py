"""Filter, sort, group and fold the runs of the list."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from runner.history import ordering as order
from runner.history import query
from runner.history.run_entry import RunEntry
from runner.history.sweep_fold import fold_runs, sweep_totals
from runner.history.trend import Trend, main_trend
from runner.util.errors import UserError
from tui.screens.runs.run_list import RunGroup, RunListing


@dataclass(frozen=True)
class ListOptions:
    """Filter, order and grouping of the list, chosen by the user."""

    filter: str = ""
    sort: str = "when"
    reverse: bool = False
    grouped: bool = False
    unfolded: frozenset[str] = frozenset()
    """ids of the sweeps whose runs are listed below their row"""

    @property
    def order(self) -> order.Sort:
        return order.find_sort(self.sort)

    @property
    def title(self) -> str:
        """Title of the order and grouping; empty for the default."""
        parts = []
        if self.reverse or self.sort != order.SORTS[0].name:
            parts.append(self.order.title + (", reversed" if self.reverse else ""))
        if self.grouped:
            parts.append("by profile")
        return " · ".join(parts)


def arrange_runs(
    entries: Sequence[RunEntry], options: ListOptions, now: float, trends: dict[str, Trend | None]
) -> RunListing:
    """Return the runs that match the filter, in order, with the headings of their groups.

    Args:
        entries: all runs.
        options: filter, order and grouping.
        now: seconds since 1970.
        trends: cache of trends by profile for the same entries; missing ones are added.

    Raises:
        UserError: the filter has an invalid term.
    """
    found = query.filter_entries(entries, options.filter, now=now)
    totals = sweep_totals(entries)

    def fold(runs: Sequence[RunEntry]) -> list[RunEntry]:
        return fold_runs(runs, totals, options.order, reverse=options.reverse, unfolded=options.unfolded)

    if not options.grouped:
        return RunListing(fold(found), matching=len(found))
    all_by_profile = order.group_by_profile(entries)
    shown: list[RunEntry] = []
    headings: dict[int, RunGroup] = {}
    found = order.sort_entries(found, options.order, reverse=options.reverse)
    for profile, runs in order.group_by_profile(found).items():
        all_runs = all_by_profile[profile]
        if profile not in trends:
            trends[profile] = main_trend(all_runs)
        headings[len(shown)] = RunGroup(profile, len(runs), len(all_runs), trends[profile])
        shown += fold(runs)
    return RunListing(shown, headings, len(found))


def valid_terms(text: str, now: float) -> str:
    """Return the valid terms of a filter, for the list while the user is still typing."""
    kept = []
    for term in text.split():
        with contextlib.suppress(UserError):
            query.parse_filter(term, now)
            kept.append(term)
    return " ".join(kept)


def next_sort(name: str) -> str:
    """Return the name of the order after this one."""
    names = [sort.name for sort in order.SORTS]
    return names[(names.index(name) + 1) % len(names)]
