"""The order of the list of profiles: groups, the best matches of a filter, or a column; pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from runner.util.formatting import plural

if TYPE_CHECKING:
    from tui.screens.home.catalogue import ProfileItem

SortBy = Literal["group", "name", "engine", "model", "GPUs", "this machine", "last result", "when"]
SORTS: tuple[SortBy, ...] = get_args(SortBy)
_FITS = {"fits": 0, "unknown": 1, "does not fit": 2}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the list is sorted and filtered."""

    sort: SortBy = "group"
    """group: the usual order, and the best matches first while a filter is set"""
    reverse: bool = False
    filter: str = ""

    @property
    def has_groups(self) -> bool:
        """Whether the list has a heading for each group."""
        return self.sort == "group" and not self.filter

    def with_next_sort(self) -> Arrangement:
        """Return the arrangement sorted by the next column, in its usual direction."""
        return replace(self, sort=SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)], reverse=False)


def arrange(items: Sequence[ProfileItem], arrangement: Arrangement) -> list[ProfileItem]:
    """Return the items that contain every word of the filter, in the order of the arrangement.

    Items without a value in the column come last in both directions.
    """
    words = arrangement.filter.lower().split()
    found = [item for item in items if all(word in _text(item) for word in words)]
    if arrangement.sort == "group":
        found.sort(key=lambda item: _match(item.name.lower(), arrangement.filter.lower().strip(), words))
        return found[::-1] if arrangement.reverse else found
    value = _VALUES[arrangement.sort]
    known = [item for item in found if value(item) is not None]
    known.sort(key=value, reverse=arrangement.reverse)
    return known + [item for item in found if value(item) is None]


def _match(name: str, text: str, words: Sequence[str]) -> int:
    """Return how well a name matches: 0 it begins with the text, 1 it has all words, 2 other columns have."""
    return 0 if name.startswith(text) else 1 if all(word in name for word in words) else 2


def _text(item: ProfileItem) -> str:
    """Return everything that a word of the filter may be part of."""
    needs = "" if item.gpus is None else plural(item.gpus, "GPU") if item.gpus else "CPU"
    fit = f"{item.fit.verdict} {item.fit.brief}" if item.fit else ""
    status = item.run.status if item.run else item.last.status if item.last else ""
    about = item.profile.description if item.profile else "invalid" if item.error else ""
    parts = (item.name, item.engine, item.model, item.parallel, needs, fit, status, item.group, about)
    return " ".join(parts).lower()


def _fit(item: ProfileItem) -> int | None:
    return _FITS[item.fit.verdict] if item.fit else None


def _newest_first(item: ProfileItem) -> float | None:
    found = item.run or item.last
    return -found.started if found else None


_VALUES: dict[SortBy, Callable[[ProfileItem], Any]] = {
    "name": lambda item: item.name.lower(),
    "engine": lambda item: item.engine or None,
    "model": lambda item: item.model.lower() or None,
    "GPUs": lambda item: item.gpus,
    "this machine": _fit,
    "last result": lambda item: -item.results[-1] if item.results else None,
    "when": _newest_first,
}
"""What each column is sorted by, in its usual direction: the best and the newest first."""
